"""A filter on stderr for the notes that C libraries write there past Python's logging.

libmpg123 comments on every odd mp3 frame, TensorFlow on every start. A process of its own does the
filtering: should this one crash, its last words still come through.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

NOISE = "|".join(
    (
        r"\[\S*libmpg123",
        r"(Note|Warning): .*(MPEG|resync|Xing|[Ss]kipped)",
        r"WARNING: All log messages before absl::InitializeLog",
        r"[IWE]\d{4} .*(port\.cc|cudart_stub|cuda_platform|cpu_feature_guard|util\.cc:\d+\] oneDNN)",
        r"INFO: Created TensorFlow Lite XNNPACK delegate",
        # Of the conversion to LiteRT.
        r"[IW]\d{4} .*(flatbuffer_export|tf_tfl_flatbuffer_helpers|mlir_graph_optimization_pass)\.cc",
        r"[IW]\d{4} .*(devices|single_machine|reader|loader)\.cc",
        r"I\d{4} .*chttp2_transport\.cc",  # gRPC's, of a server that goes away, which is asked again
        r"\[\d{4}-\d\d-\d\d [\d:,]+ [IWE] \d+ \d+\] \w+\.cc:\d+: ",  # of Ray, which replaces workers that it loses
        r"\s*$",
    )
)
FILTER = f"""
import re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # ends with its input, not before
noise = re.compile({NOISE.encode()!r})
for line in sys.stdin.buffer:
    if not noise.match(line):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""


@contextlib.contextmanager
def filtered_stderr() -> Iterator[None]:
    """Within it, what is written to file descriptor 2 is filtered; Python's own sys.stderr is not."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notes after its start
    sys.stderr.flush()
    kept, python_stderr = os.dup(2), sys.stderr
    if _writes_to_descriptor_2(sys.stderr):
        sys.stderr = os.fdopen(os.dup(kept), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", FILTER], stdin=subprocess.PIPE, stdout=kept)
    os.dup2(child.stdin.fileno(), 2)
    child.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = python_stderr
        os.dup2(kept, 2)
        os.close(kept)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process left behind may hold the other end
            child.wait(timeout=2)


def _writes_to_descriptor_2(stream) -> bool:
    try:
        return stream.fileno() == 2
    except (AttributeError, OSError, ValueError):  # a notebook's stream, or a captured one
        return False
