"""From a RunSpec to its environments and its agent."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from torch.distributions import Distribution

from algos.registry import get_agent
from algos.schedules import as_callable, is_schedule
from harness.envs.base import HarnessVecEnv
from harness.envs.make import make_vec_env
from harness.spec import RunSpec


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

    Torch's validation of distribution arguments at every step is switched off for the process;
    :class:`harness.runner.callbacks.FiniteParameters` looks at the parameters once an update instead.
    """
    Distribution.set_default_validate_args(False)
    arguments: dict[str, Any] = {
        name: as_callable(value) if is_schedule(value) else value
        for name, value in spec.hyperparameters.items()
        if name != "n_envs"
    }
    return get_agent(spec.algo).load()(env=env, seed=spec.seed, device=device, **arguments)
