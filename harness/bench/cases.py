"""What is timed: each case builds a model ready to learn. Stock cases use nothing of this project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ATARI = "BreakoutNoFrameskip-v4"
MUJOCO = "HalfCheetah-v5"


@dataclass(frozen=True)
class Case:
    """One thing to time.

    Attributes:
        build: number of threads to a model with SB3's ``learn``.
        warmup: timesteps that are not timed.
        timesteps: timesteps that are timed.
        about: what is measured; "16 x 5" is environments x steps, the batch.
    """

    build: Callable[[int], Any]
    warmup: int
    timesteps: int
    about: str


def stock_a2c_atari(num_threads: int) -> Any:
    """SB3's A2C on SB3's ``make_atari_env`` and ``VecFrameStack``: 16 environments, 5 steps."""
    import ale_py
    import gymnasium
    from stable_baselines3 import A2C
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    gymnasium.register_envs(ale_py)
    env = VecFrameStack(make_atari_env(ATARI, n_envs=16, seed=0), n_stack=4)
    return A2C("CnnPolicy", env, n_steps=5, ent_coef=0.01, seed=0, device="cpu")


def stock_a2c_mujoco(num_threads: int) -> Any:
    """SB3's A2C on SB3's ``make_vec_env``: 1 environment, 5 steps, no normalisation."""
    from stable_baselines3 import A2C
    from stable_baselines3.common.env_util import make_vec_env

    return A2C("MlpPolicy", make_vec_env(MUJOCO, n_envs=1, seed=0), n_steps=5, seed=0, device="cpu")


def here(algo: str, env_id: str, **overrides: Any) -> Callable[[int], Any]:
    """A run of this project: the algo's preset on the environment's protocol, with ``overrides``."""

    def build(num_threads: int) -> Any:
        from algos.registry import get_agent
        from harness.envs import default_protocol
        from harness.runner.build import build_agent, build_envs
        from harness.spec import RunSpec

        protocol = default_protocol(env_id)
        spec = RunSpec(
            algo=algo,
            env_id=env_id,
            protocol=protocol,
            n_timesteps=1_000_000,
            hyperparameters=get_agent(algo).resolve(protocol.name, overrides=overrides),
            seed=0,
        )
        return build_agent(spec, build_envs(spec, num_threads))

    return build


CASES: dict[str, Case] = {
    "sb3-a2c-atari": Case(stock_a2c_atari, 1600, 16_000, "stock SB3 A2C, Breakout, 16 x 5"),
    "a2c-atari": Case(here("a2c", ATARI), 1600, 16_000, "A2C here, Breakout, 16 x 5"),
    "acktr-atari": Case(here("acktr", ATARI), 1280, 16_000, "ACKTR here, Breakout, 32 x 20"),
    "sb3-a2c-mujoco": Case(stock_a2c_mujoco, 500, 8_000, "stock SB3 A2C, HalfCheetah, 1 x 5"),
    "a2c-mujoco": Case(
        here("a2c", MUJOCO, n_steps=5, gae_lambda=1.0, normalize_advantage=False),
        500,
        8_000,
        "A2C here, HalfCheetah, 1 x 5, observations normalised",
    ),
    "a2c-2500-mujoco": Case(here("a2c", MUJOCO), 2500, 20_000, "A2C here, HalfCheetah, 1 x 2500"),
    "acktr-2500-mujoco": Case(
        here("acktr", MUJOCO, n_steps=2500), 2500, 20_000, "ACKTR here, HalfCheetah, 1 x 2500"
    ),
}
COMPARISONS: tuple[tuple[str, str, str], ...] = (
    ("a2c-atari", "sb3-a2c-atari", "A2C here against stock SB3 A2C on Atari"),
    ("a2c-mujoco", "sb3-a2c-mujoco", "A2C here against stock SB3 A2C on MuJoCo"),
    ("acktr-atari", "a2c-atari", "ACKTR at batch 640 against A2C here on Atari"),
    ("acktr-2500-mujoco", "a2c-2500-mujoco", "ACKTR against A2C here at batch 2500 on MuJoCo"),
)
