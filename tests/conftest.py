"""For every test: no time limits inside hypothesis (the machine may be busy), and a plain terminal."""

from __future__ import annotations

import os
from contextlib import suppress

from hypothesis import settings

with suppress(ImportError):
    # Its logging.config.dictConfig() closes all handlers that are there. One of absl, which SB3 imports for
    # TensorBoard, would hold the captured standard error then, and close it.
    import submitit  # noqa: F401

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["COLUMNS"] = "200"
os.environ["NO_COLOR"] = "1"

settings.register_profile("harness", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("harness")
