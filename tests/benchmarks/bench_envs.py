"""Timesteps per second of the harness's environments beside SB3's own, on this machine.

Each repetition times one after the other, in alternating order, on fresh actions; a row has the medians.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_envs.py
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_envs.py --a2c        # while SB3's A2C trains
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.env_util import make_vec_env as make_sb3_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecNormalize

from harness.envs import AtariProtocol, MujocoProtocol
from harness.envs.make import make_vec_env

Make = Callable[[], VecEnv]


def cases(game: str, n_envs: int, task: str, num_threads: int | None) -> dict[str, tuple[Make, Make]]:
    """Label -> (ours, SB3's)."""
    plain = MujocoProtocol(normalize_obs=False)
    game_id = f"{game}NoFrameskip-v4"
    return {
        f"{game}, {n_envs} envs": (
            lambda: make_vec_env(game, AtariProtocol(), n_envs, 0, num_threads=num_threads),
            lambda: VecFrameStack(make_atari_env(game_id, n_envs, seed=0), 4),
        ),
        f"{task}, 1 env, plain": (
            lambda: make_vec_env(task, plain, 1, 0),
            lambda: make_sb3_vec_env(task, 1, seed=0),
        ),
        f"{task}, 1 env, normalised": (
            lambda: make_vec_env(task, MujocoProtocol(), 1, 0),
            lambda: VecNormalize(make_sb3_vec_env(task, 1, seed=0), norm_reward=False),
        ),
        f"{task}, 1 env, normalised / SB3 plain": (
            lambda: make_vec_env(task, MujocoProtocol(), 1, 0),
            lambda: make_sb3_vec_env(task, 1, seed=0),
        ),
    }


def random_actions(venv: VecEnv, n_timesteps: int) -> Callable[[], float]:
    """A measurement: timesteps per second over ``n_timesteps`` of random actions drawn beforehand."""
    n_steps = max(1, n_timesteps // venv.num_envs)
    venv.reset()

    def measure() -> float:
        actions = [
            np.stack([venv.action_space.sample() for _ in range(venv.num_envs)]) for _ in range(n_steps)
        ]
        started = time.perf_counter()
        for action in actions:
            venv.step(action)
        return n_steps * venv.num_envs / (time.perf_counter() - started)

    return measure


def a2c(venv: VecEnv, n_timesteps: int) -> Callable[[], float]:
    """A measurement: timesteps per second while SB3's A2C trains for ``n_timesteps``."""
    policy = "CnnPolicy" if len(venv.observation_space.shape or ()) == 3 else "MlpPolicy"
    model = A2C(policy, venv, n_steps=20, seed=0, device="cpu")

    def measure() -> float:
        started = time.perf_counter()
        model.learn(n_timesteps, reset_num_timesteps=False)
        return n_timesteps / (time.perf_counter() - started)

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--game", default="Breakout")
    parser.add_argument("--task", default="HalfCheetah-v5")
    parser.add_argument("--n-envs", type=int, default=16)
    parser.add_argument(
        "--num-threads", type=int, default=None, help="emulators running at once (default: all)"
    )
    parser.add_argument("--timesteps", type=int, default=3200, help="per measurement")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose label contains this")
    parser.add_argument("--a2c", action="store_true", help="train SB3's A2C rather than act at random")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    start = a2c if arguments.a2c else random_actions
    print(f"{'':42s} {'harness':>9s} {'SB3':>9s} {'ratio':>6s}   timesteps per second; ratio over pairs")
    for label, makers in cases(
        arguments.game, arguments.n_envs, arguments.task, arguments.num_threads
    ).items():
        if arguments.only not in label:
            continue
        venvs = [make() for make in makers]
        measures = [start(venv, arguments.timesteps) for venv in venvs]
        for measure in measures:
            measure()
        pairs = []
        for repetition in range(arguments.repetitions):
            order = (0, 1) if repetition % 2 == 0 else (1, 0)
            pair = {which: measures[which]() for which in order}
            pairs.append((pair[0], pair[1]))
        ratios = [ours / theirs for ours, theirs in pairs]
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        spread = f"[{min(ratios):.2f}, {max(ratios):.2f}]"
        print(
            f"{label:42s} {ours:9.0f} {theirs:9.0f} {statistics.median(ratios):6.2f}   {spread}", flush=True
        )
        for venv in venvs:
            venv.close()


if __name__ == "__main__":
    main()
