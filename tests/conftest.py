"""For every test: no time limits inside hypothesis (the machine may be busy), and a plain terminal."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["COLUMNS"] = "200"
os.environ["NO_COLOR"] = "1"

settings.register_profile("harness", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("harness")
