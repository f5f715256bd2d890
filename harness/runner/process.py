"""How a process that trains waits for its threads and keeps its memory."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD = -1  # glibc's malloc.h
M_MMAP_THRESHOLD = -3
KEPT_BYTES = 1 << 30
MMAP_BYTES = (1 << 30, 32 << 20)
"""The threshold wanted, and the largest that an older glibc takes."""
SPINS = "1000"


def prepare_process() -> None:
    """Set this process up for training. Call it before torch is imported; it changes no number.

    - OpenMP threads that have nothing to do sleep after a moment (``OMP_WAIT_POLICY`` and libgomp's
      ``GOMP_SPINCOUNT``, unless the environment has a policy). By default they spin, which takes their cores
      from the emulators, and from other runs on the machine; asleep at once they would wake late for the next
      operation of the same pass.
    - glibc keeps freed memory, up to 1 GiB, for the next allocation. By default it hands large blocks back to
      the system, which zeroes each page again when the next batch needs it.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, size) == 1 for size in MMAP_BYTES):
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
