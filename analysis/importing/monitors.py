"""SB3's ``monitor.csv`` files, as SB3 and rl-zoo write them.

One file holds the episodes of one parallel environment, without the timestep of the whole run. Parallel
environments step together, so an episode that ends after k steps of its environment ends at timestep
k * n_envs of the run. This order is exact where the recorded wall-clock time is not: it starts from zero
again when a run is resumed.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.episodes import Episodes
from analysis.importing.model import ImportedRun, ImportProblem, known_env_id
from harness.envs.names import is_atari

FRAME_SKIP = 4


def read_monitor_runs(
    root: Path, label: str | None = None, env_id: str | None = None, steps_per_timestep: int | None = None
) -> list[ImportedRun]:
    """Every run below ``root``: a directory with ``monitor.csv`` or ``0.monitor.csv``, ``1.monitor.csv``, ...

    Args:
        root: the directory of a run or of many, such as rl-zoo's ``logs/ppo``.
        label: the agent's name; by default the directory above the run's, as in rl-zoo.
        env_id: the environment, where the files do not say.
        steps_per_timestep: recorded steps per decision of the agent. By default 4 for Atari games, whose
            Monitor SB3 puts below the frame skip, and 1 elsewhere.

    Raises:
        ImportProblem: no such file below ``root``, or one that is damaged or names no environment.
    """
    by_directory: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(root.rglob("*monitor.csv")):
        if path.name == "monitor.csv" or path.name.removesuffix(".monitor.csv").isdigit():
            by_directory[path.parent].append(path)
    if not by_directory:
        raise ImportProblem(f"{root}: no monitor.csv below it")
    seeds: dict[tuple[str, str], int] = defaultdict(int)
    runs = []
    for directory, paths in sorted(by_directory.items()):
        name = label or directory.resolve().parent.name
        environment = known_env_id(env_id or _recorded_env_id(paths[0]))
        steps = steps_per_timestep or (FRAME_SKIP if is_atari(environment) else 1)
        seed = seeds[name, environment]
        seeds[name, environment] += 1
        episodes = _merged(paths, steps)
        if not len(episodes):
            raise ImportProblem(f"{directory}: its monitor files hold no episode")
        runs.append(ImportedRun(name, environment, str(directory), seed, episodes))
    return runs


def _recorded_env_id(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    try:
        found = json.loads(first.removeprefix("#"))["env_id"] if first.startswith("#") else None
    except (ValueError, KeyError, TypeError):
        raise ImportProblem(f"{path}: its first line is not '#' and a JSON object with 'env_id'") from None
    if not found or found == "None":
        raise ImportProblem(f"{path}: names no environment; give it by --env")
    return str(found)


def _merged(paths: Sequence[Path], steps_per_timestep: int) -> Episodes:
    paths = sorted(paths, key=lambda path: int(path.name.split(".")[0]) if path.name[0].isdigit() else 0)
    frames = []
    for index, path in enumerate(paths):
        frame = _read(path)
        steps = frame["l"].cumsum().to_numpy()
        ends = np.array([math.ceil(end / steps_per_timestep) for end in steps], dtype=np.int64)
        frames.append(
            pd.DataFrame(
                {
                    "timestep": ends * len(paths),
                    "return": frame["r"],
                    "wall_time": frame["t"],
                    "length": np.diff(ends, prepend=0),
                    "env_index": index,
                }
            )
        )
    merged = pd.concat(frames).sort_values(["timestep", "env_index"], kind="stable")
    return Episodes.of_frame(merged)


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, comment="#")
        if not {"r", "l", "t"} <= set(frame.columns):
            raise ImportProblem(f"{path}: expected the columns r, l and t, found {', '.join(frame.columns)}")
        frame = frame[["r", "l", "t"]].astype(float)
    except (ValueError, pd.errors.ParserError) as error:
        if isinstance(error, ImportProblem):
            raise
        raise ImportProblem(f"{path}: damaged: {' '.join(str(error).split())}") from None
    bad = np.flatnonzero(~np.isfinite(frame.to_numpy()).all(axis=1) | (frame["l"].to_numpy() < 1))
    if len(bad):
        raise ImportProblem(f"{path}: episode {bad[0] + 1} has an empty, infinite or impossible field")
    return frame
