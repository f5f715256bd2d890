"""From a RunSpec to its environments and its agent."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import get_device
from torch.distributions import Distribution

from algos.registry import get_agent
from algos.schedules import as_callable, is_schedule
from harness.envs.base import HarnessVecEnv
from harness.envs.make import make_vec_env
from harness.spec import RunSpec, SpecError


def torch_device(name: str) -> str:
    """``cpu`` or ``cuda`` for the device called ``name``; ``auto`` takes CUDA where there is one.

    Raises:
        SpecError: there is no CUDA device, and it was asked for by name (SB3 would train on the CPU).
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise SpecError("device cuda: torch finds none on this machine; expected cpu or auto")
    return get_device(name).type


def build_envs(spec: RunSpec, num_threads: int = 1, n_envs: int | None = None) -> HarnessVecEnv:
    """The run's environments as one seeded ``VecEnv``; ``n_envs`` other than the run's for looking only."""
    return make_vec_env(
        spec.env_id,
        spec.protocol,
        n_envs=n_envs or int(spec.hyperparameters["n_envs"]),
        seed=spec.seed,
        gamma=float(spec.hyperparameters.get("gamma", 0.99)),
        num_threads=num_threads,
    )


def build_agent(spec: RunSpec, env: HarnessVecEnv, device: str = "cpu") -> BaseAlgorithm:
    """The run's agent on ``env``, seeded; schedules become SB3 callables.

    ``device`` is one of ``auto``, ``cpu`` and ``cuda``; :func:`torch_device` says what it raises.
    Torch's validation of distribution arguments at every step is switched off for the process;
    :class:`harness.runner.callbacks.FiniteParameters` looks at the parameters once an update instead.
    """
    Distribution.set_default_validate_args(False)
    arguments: dict[str, Any] = {
        name: as_callable(value) if is_schedule(value) else value
        for name, value in spec.hyperparameters.items()
        if name != "n_envs"
    }
    return get_agent(spec.algo).load()(env=env, seed=spec.seed, device=torch_device(device), **arguments)
