"""What schemathesis sends as a song where it sends what the document allows: a song, for other bytes are none."""

import io

import numpy as np
import schemathesis
import soundfile
from hypothesis import strategies

SONG = io.BytesIO()
soundfile.write(SONG, 0.3 * np.sin(np.arange(16000.0)), 8000, format="FLAC")

schemathesis.openapi.media_type("application/octet-stream", strategies.just(SONG.getvalue()))
