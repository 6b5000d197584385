# The web app of `kgenre serve` with the default model; docs/web_app.md has the commands.
FROM python:3.12.8-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2
RUN useradd --create-home --uid 10001 kgenre
WORKDIR /app
COPY requirements.txt ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY kgenre ./kgenre
RUN python -m pip install --no-cache-dir --disable-pip-version-check --no-deps .

USER 10001
WORKDIR /home/kgenre
# Fetched and put together now, so that the container needs no network.
RUN python -c "from kgenre.serving.default_model import saved_model; saved_model()"

EXPOSE 8642
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8642/readyz', timeout=4)"]
ENTRYPOINT ["kgenre", "serve", "--host", "0.0.0.0", "--port", "8642"]
