"""What is timed. Stock cases use nothing of this project, not even the way its processes are set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.bench import stock
from harness.spec import RunSpec

ATARI = "BreakoutNoFrameskip-v4"
MUJOCO = "HalfCheetah-v5"

Advance = Callable[[int], int]
"""Goes on for at least so many timesteps; returns how many it were."""


@dataclass(frozen=True)
class Case:
    """One thing to time.

    Attributes:
        build: number of threads to what is timed.
        warmup: timesteps that are not timed.
        timesteps: timesteps that are timed.
        about: what is measured; "16 x 5" is environments x steps, the batch.
        stock: whether it is Stable-Baselines3 as it comes.
    """

    build: Callable[[int], Advance]
    warmup: int
    timesteps: int
    about: str
    stock: bool = False


def training(model: Any) -> Advance:
    """Trains ``model``, anything with SB3's ``learn``."""

    def advance(timesteps: int) -> int:
        before: int = model.num_timesteps
        model.learn(timesteps, reset_num_timesteps=False)
        done: int = model.num_timesteps - before
        return done

    return advance


def random_actions(venv: Any) -> Advance:
    """Steps a vector environment with actions drawn at random before the first step."""
    import numpy as np

    actions = [np.stack([venv.action_space.sample() for _ in range(venv.num_envs)]) for _ in range(100)]
    venv.reset()

    def advance(timesteps: int) -> int:
        steps: int = -(-timesteps // venv.num_envs)
        for step in range(steps):
            venv.step(actions[step % len(actions)])
        return steps * int(venv.num_envs)

    return advance


def run_case(spec: RunSpec) -> Case:
    """A run of this project: one rollout to warm up, then its budget in whole rollouts."""

    def build(num_threads: int) -> Advance:
        from harness.runner.build import build_agent, build_envs

        return training(build_agent(spec, build_envs(spec, num_threads)))

    n_envs, n_steps = (int(spec.hyperparameters[name]) for name in ("n_envs", "n_steps"))
    about = f"{spec.label}, {spec.env_id}, {n_envs} x {n_steps}"
    return Case(build, n_envs * n_steps, spec.n_timesteps, about)


def _here(algo: str, env_id: str, warmup: int, timesteps: int, **overrides: Any) -> Case:
    """The algo's preset on the environment's protocol, with ``overrides``."""

    def build(num_threads: int) -> Advance:
        from algos.registry import get_agent
        from harness.envs import default_protocol

        protocol = default_protocol(env_id)
        hyperparameters = get_agent(algo).resolve(protocol.name, overrides=overrides)
        spec = RunSpec(
            algo=algo,
            env_id=env_id,
            protocol=protocol,
            n_timesteps=timesteps,
            hyperparameters=hyperparameters,
            seed=0,
        )
        return run_case(spec).build(num_threads)

    batch = f"{overrides['n_envs']} x {overrides['n_steps']}"
    return Case(build, warmup, timesteps, f"{algo.upper()} here, {env_id}, {batch}")


def _stock_training(model: Callable[[], Any], warmup: int, timesteps: int, about: str) -> Case:
    return Case(lambda num_threads: training(model()), warmup, timesteps, about, stock=True)


def _envs_here(env_id: str, n_envs: int, timesteps: int, about: str, **changes: Any) -> Case:
    def build(num_threads: int) -> Advance:
        from harness.envs import default_protocol
        from harness.envs.make import make_vec_env

        protocol = default_protocol(env_id).model_copy(update=changes)
        return random_actions(make_vec_env(env_id, protocol, n_envs, 0, num_threads=num_threads))

    return Case(build, timesteps // 10, timesteps, about)


def _stock_envs(make: Callable[[], Any], timesteps: int, about: str) -> Case:
    return Case(lambda num_threads: random_actions(make()), timesteps // 10, timesteps, about, stock=True)


_ENVS_ATARI, _ENVS_MUJOCO = 6_400, 20_000
_TRAIN_ATARI, _TRAIN_MUJOCO = 6_400, 20_000

CASES: dict[str, Case] = {
    "envs-atari": _envs_here(ATARI, 16, _ENVS_ATARI, "here, 16 Breakout"),
    "sb3-envs-atari": _stock_envs(
        partial(stock.atari_envs, ATARI, 16), _ENVS_ATARI, "make_atari_env and VecFrameStack, 16 Breakout"
    ),
    "envs-mujoco": _envs_here(
        MUJOCO, 1, _ENVS_MUJOCO, "here, one HalfCheetah, observations and rewards normalised"
    ),
    "sb3-envs-mujoco": _stock_envs(
        partial(stock.mujoco_envs, MUJOCO, normalize=True),
        _ENVS_MUJOCO,
        "make_vec_env and VecNormalize, one HalfCheetah",
    ),
    "envs-mujoco-raw": _envs_here(
        MUJOCO,
        1,
        _ENVS_MUJOCO,
        "here, one HalfCheetah, nothing normalised",
        normalize_obs=False,
        normalize_reward=False,
    ),
    "sb3-envs-mujoco-raw": _stock_envs(
        partial(stock.mujoco_envs, MUJOCO, normalize=False), _ENVS_MUJOCO, "make_vec_env, one HalfCheetah"
    ),
    "a2c-atari": _here("a2c", ATARI, 800, _TRAIN_ATARI, n_envs=16, n_steps=5),
    # K-FAC inverts at updates 1, 2, 4, 8... at first, then once in inverse_every updates: that is timed.
    "acktr-atari": _here("acktr", ATARI, 41 * 160, 40 * 160, n_envs=16, n_steps=10),
    "acktr-atari-640": _here(
        "acktr",
        ATARI,
        21 * 640,
        20 * 640,
        n_envs=32,
        n_steps=20,
        kfac_kwargs={"stats_every": 2, "inverse_every": 20},
    ),
    "sb3-a2c-atari": _stock_training(
        partial(stock.a2c_atari, ATARI), 800, _TRAIN_ATARI, "stock SB3 A2C, same network, Breakout, 16 x 5"
    ),
    "a2c-mujoco": _here("a2c", MUJOCO, 2500, _TRAIN_MUJOCO, n_envs=1, n_steps=2500),
    "acktr-mujoco": _here("acktr", MUJOCO, 2500, _TRAIN_MUJOCO, n_envs=1, n_steps=2500),
    "sb3-a2c-mujoco": _stock_training(
        partial(stock.a2c_mujoco, MUJOCO, 2500, normalize=False),
        2500,
        _TRAIN_MUJOCO,
        "stock SB3 A2C, HalfCheetah, 1 x 2500, nothing normalised",
    ),
    "sb3-a2c-mujoco-normalized": _stock_training(
        partial(stock.a2c_mujoco, MUJOCO, 2500, normalize=True),
        2500,
        _TRAIN_MUJOCO,
        "stock SB3 A2C, HalfCheetah, 1 x 2500, in VecNormalize as here",
    ),
}


@dataclass(frozen=True)
class Pair:
    """A case held against a reference; ``goal`` is the ratio of speeds that the project aims at."""

    case: str
    reference: str
    goal: float | None = None


ENVS = (
    Pair("envs-atari", "sb3-envs-atari"),
    Pair("envs-mujoco", "sb3-envs-mujoco"),
    Pair("envs-mujoco-raw", "sb3-envs-mujoco-raw"),
)
TRAIN = (
    Pair("a2c-atari", "sb3-a2c-atari", 1.5),
    Pair("acktr-atari", "sb3-a2c-atari", 1.2),
    Pair("acktr-atari-640", "sb3-a2c-atari", 1.2),
    Pair("a2c-mujoco", "sb3-a2c-mujoco", 3.5),
    Pair("acktr-mujoco", "sb3-a2c-mujoco", 3.5),
    Pair("a2c-mujoco", "sb3-a2c-mujoco-normalized"),
    Pair("acktr-mujoco", "sb3-a2c-mujoco-normalized"),
)
