"""Timesteps per second of MuJoCo tasks from pixels, beside gymnasium's own rendering at the same buffer size.

Each measurement is a process of its own: gymnasium's OpenGL context and the harness's do not mix.

OMP_NUM_THREADS=1 python tests/benchmarks/bench_pixels.py
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

import gymnasium
import numpy as np

from harness.envs import MujocoPixelsProtocol
from harness.envs.make import make_vec_env
from harness.envs.pixels_renderer import SUPERSAMPLING


def ours(task: str, n_timesteps: int) -> float:
    """Timesteps per second under the protocol ``mujoco-pixels``."""
    venv = make_vec_env(task, MujocoPixelsProtocol(), 1, 0)
    venv.reset()
    venv.action_space.seed(0)
    actions = [np.stack([venv.action_space.sample()]) for _ in range(n_timesteps)]
    started = time.perf_counter()
    for action in actions:
        venv.step(action)
    return n_timesteps / (time.perf_counter() - started)


def gymnasiums(task: str, n_timesteps: int) -> float:
    """Timesteps per second with ``env.render()`` after each."""
    side = MujocoPixelsProtocol().screen_size * SUPERSAMPLING
    env = gymnasium.make(task, render_mode="rgb_array", width=side, height=side, disable_env_checker=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    started = time.perf_counter()
    for _ in range(n_timesteps):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        env.render()
        if terminated or truncated:
            env.reset()
    return n_timesteps / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=["HalfCheetah-v5", "Reacher-v5", "Walker2d-v5"])
    parser.add_argument("--timesteps", type=int, default=300, help="per measurement")
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()

    os.environ.setdefault("MUJOCO_GL", "egl")
    print(f"{'':16s} {'harness':>9s} {'gymnasium':>9s} {'ratio':>6s}   timesteps per second, medians")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as fresh:
        for task in arguments.tasks:
            pairs = [
                [fresh.submit(side, task, arguments.timesteps).result() for side in (ours, gymnasiums)]
                for _ in range(arguments.repetitions)
            ]
            mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{task:16s} {mine:9.0f} {theirs:9.0f} {mine / theirs:6.1f}", flush=True)


if __name__ == "__main__":
    main()
