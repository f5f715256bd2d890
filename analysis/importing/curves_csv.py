"""Learning curves in a plain CSV file: one line per point, with a header."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from analysis.importing.model import ImportedRun, ImportProblem, known_env_id
from analysis.statistics.curves import Curve

ACCEPTED = {
    "env": ("env_id", "env", "game", "task"),
    "algo": ("algo", "agent", "algorithm"),
    "seed": ("seed", "run"),
    "timestep": ("timestep", "timesteps", "step"),
    "return": ("mean_reward", "return", "mean_return", "reward", "score"),
}
"""What a column holds -> the titles it may have."""
OPTIONAL = ("seed",)
PUBLISHED = {
    "baselines-atari10M": Path(__file__).parents[1] / "data" / "baselines_atari10M_curves.csv",
}
"""Curves that come with the project; each file's first lines say where from."""


def read_curve_runs(path: Path) -> list[ImportedRun]:
    """Every curve of the file, one per environment, algorithm and (where there is such a column) seed.

    Lines that begin with '#' are skipped; the columns are found by their titles (:data:`ACCEPTED`).

    Raises:
        ImportProblem: a column is missing, a row has an empty name or too many fields, or a curve has a
            repeated or broken timestep or a value that is no number.
    """
    try:
        # As text: an agent may be called "none" or "007".
        frame = pd.read_csv(path, comment="#", dtype=str, keep_default_na=False).fillna("")
    except FileNotFoundError:
        raise ImportProblem(f"{path}: no such file") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise ImportProblem(f"{path}: not readable as CSV ({' '.join(str(error).split())})") from None
    columns = {name: _column(path, frame.columns, name, titles) for name, titles in ACCEPTED.items()}
    keys = [column for name in ("env", "algo", "seed") if (column := columns[name]) is not None]
    if not isinstance(frame.index, pd.RangeIndex):
        raise ImportProblem(f"{path}: a row has more fields than the {len(frame.columns)} of the header")
    for column in keys:
        if (frame[column] == "").any():
            raise ImportProblem(f"{path}: a row has no {column}")
    runs = []
    for group, points in frame.groupby(keys, sort=True):
        key = [str(part) for part in cast(tuple[Any, ...], group)]
        env, algo = key[:2]
        place = f"{path}: {algo} on {env}"
        try:
            points = points[[columns["timestep"], columns["return"]]].replace("", "nan").astype(float)
            seed = int(key[2]) if len(key) > 2 else 0
        except ValueError as error:
            raise ImportProblem(f"{place}: {error}") from None
        values = points.sort_values(str(columns["timestep"])).to_numpy()
        if not np.all(np.isfinite(values)):
            raise ImportProblem(f"{place}: a timestep or return is missing or infinite")
        broken = values[:, 0][values[:, 0] % 1 != 0]
        if len(broken):
            raise ImportProblem(f"{place}: timestep {broken[0]:g}, expected whole timesteps")
        if np.any(np.diff(values[:, 0]) <= 0):
            raise ImportProblem(f"{place}: a timestep is repeated; is a column for the seed missing?")
        runs.append(
            ImportedRun(algo, known_env_id(env), str(path), seed, curve=Curve(values[:, 0], values[:, 1]))
        )
    if not runs:
        raise ImportProblem(f"{path}: no curve in it")
    return runs


def _column(path: Path, found: Iterable[str], name: str, titles: tuple[str, ...]) -> str | None:
    for title in titles:
        if title in found:
            return title
    if name in OPTIONAL:
        return None
    raise ImportProblem(f"{path}: no column for the {name}; expected one called {' or '.join(titles)}")
