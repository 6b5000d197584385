# The web app of `kgenre serve` with the default model; docs/web_app.md has the commands.
FROM python:3.12.8-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 10001 kgenre
WORKDIR /app
COPY requirements.txt pyproject.toml README.md LICENSE ./
COPY kgenre ./kgenre
# What answers, without TensorFlow, in the versions that were tested. The default model is in the package.
RUN python -m pip install --no-cache-dir --disable-pip-version-check --constraint requirements.txt .

USER 10001
WORKDIR /home/kgenre

EXPOSE 8642
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8642/readyz', timeout=4)"]
ENTRYPOINT ["kgenre", "serve", "--host", "0.0.0.0", "--port", "8642"]
