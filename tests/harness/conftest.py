from __future__ import annotations

from functools import cache

import gymnasium
import pytest

from harness.envs.base import EnvironmentFault
from harness.envs.pixels_renderer import Renderer


@cache
def _why_not() -> str | None:
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
