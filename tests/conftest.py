"""For every test: no time limits inside hypothesis (the machine may be busy), and a plain terminal."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import settings

with suppress(ImportError):
    # Its logging.config.dictConfig() closes all handlers that are there. One of absl, which SB3 imports for
    # TensorBoard, would hold the captured standard error then, and close it.
    import submitit  # noqa: F401

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["COLUMNS"] = "200"
# One directory for the logs of agents that are given no logger, instead of a new one for each.
os.environ.setdefault("SB3_LOGDIR", os.path.join(tempfile.gettempdir(), "SB3-tests"))
os.environ["NO_COLOR"] = "1"

settings.register_profile("harness", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("harness")


@cache
def _why_not() -> str | None:
    import gymnasium

    from harness.envs.base import EnvironmentFault
    from harness.envs.pixels_renderer import Renderer

    env = gymnasium.make("InvertedPendulum-v5")
    try:
        Renderer("InvertedPendulum-v5", env.unwrapped.model, 4).close()  # type: ignore[attr-defined]
    except EnvironmentFault as fault:
        return str(fault)
    return None


@pytest.fixture
def rendering() -> None:
    """For tests that render off-screen: they are skipped where the machine has no OpenGL."""
    reason = _why_not()
    if reason is not None:
        pytest.skip(reason)
