"""The random states of a training process: python's, numpy's, torch's and the action space's.

Those of the environments are part of their episodes (:meth:`harness.envs.base.HarnessVecEnv.snapshot`).
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from harness.runner.plain import decode, encode


def random_state(action_space: spaces.Space[Any]) -> dict[str, Any]:
    """All random states as a plain tree (:mod:`harness.runner.plain`); CUDA's where CUDA is in use.

    Of several CUDA devices only the current one is trained on: how many there are may change.
    """
    cuda = [torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    return {
        "python": encode(random.getstate()),
        "numpy": encode(np.random.get_state()),
        "torch": torch.get_rng_state(),
        "cuda": cuda,
        "action_space": encode(action_space.np_random.bit_generator.state),
    }


def load_random_state(state: dict[str, Any], action_space: spaces.Space[Any]) -> None:
    """Take over what :func:`random_state` gave; CUDA's only on a machine that has CUDA."""
    random.setstate(decode(state["python"]))
    np.random.set_state(decode(state["numpy"]))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"][0])
    action_space.np_random.bit_generator.state = decode(state["action_space"])
