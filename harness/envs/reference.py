"""Reference scores: what counts as human level in an Atari game, and as solved in a MuJoCo task.

The tables lie beside this file in ``reference/``, each with its version and its source in its first lines.
The two human tables were measured differently and are never mixed: a score is looked up in the table that is
named, or not at all, and what is derived from it names the table (:func:`reference_label`). Needs neither
torch nor gymnasium.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from harness.envs.names import is_atari, is_mujoco

HumanReference = Literal["mnih2015", "wang2016"]
ThresholdReference = Literal["gu2016", "gym"]

DEFAULT_HUMAN: HumanReference = "mnih2015"
DEFAULT_THRESHOLD: ThresholdReference = "gu2016"

_DIRECTORY = Path(__file__).parent / "reference"
_VERSION = re.compile(r"# version: (\d+)\s*\Z")


def human_level(env_id: str, reference: HumanReference = DEFAULT_HUMAN) -> float | None:
    """Human score, in raw points of a whole game, of the canonical ``env_id``; None where the table has none.

    ``mnih2015`` is the table the paper's Table 1 is held against (6 games), ``wang2016`` that of its Table 4
    (44 games). Raises ValueError for another reference.
    """
    return _column(_human_file(reference), "human").get(env_id)


def random_level(env_id: str, reference: HumanReference = DEFAULT_HUMAN) -> float | None:
    """Score of random play beside :func:`human_level` in the same table."""
    return _column(_human_file(reference), "random").get(env_id)


def human_normalized(score: float, env_id: str, reference: HumanReference = DEFAULT_HUMAN) -> float | None:
    """``(score - random) / (human - random)``: 0 is random play, 1 the human; None where the table has none.

    Raises ValueError for an unknown reference.
    """
    human, random = human_level(env_id, reference), random_level(env_id, reference)
    return None if human is None or random is None else (score - random) / (human - random)


def threshold(env_id: str, reference: ThresholdReference = DEFAULT_THRESHOLD) -> float | None:
    """Average return at which the canonical MuJoCo ``env_id`` is solved; None where the table has none.

    ``gu2016`` are the thresholds of the paper's Table 2, ``gym`` those of OpenAI Gym beside them. Raises
    ValueError for another reference.
    """
    if reference not in get_args(ThresholdReference):
        raise ValueError(_unknown_reference(reference, get_args(ThresholdReference)))
    return _column("mujoco_thresholds.csv", reference).get(env_id)


def reference_label(reference: HumanReference | ThresholdReference) -> str:
    """Name and version of a table, as a report gives it: ``mnih2015 v1``. Raises ValueError for another."""
    thresholds = reference in get_args(ThresholdReference)
    file = "mujoco_thresholds.csv" if thresholds else _human_file(reference)  # type: ignore[arg-type]
    return f"{reference} v{_version(file)}"


def default_reference(env_id: str) -> HumanReference | ThresholdReference | None:
    """The reference ``env_id`` is held against unless told otherwise; None if it is in no default table."""
    if is_atari(env_id) and human_level(env_id) is not None:
        return DEFAULT_HUMAN
    if is_mujoco(env_id) and threshold(env_id) is not None:
        return DEFAULT_THRESHOLD
    return None


def reference_level(env_id: str) -> float | None:
    """The score of :func:`default_reference`: human level for Atari, solved threshold for MuJoCo, or None."""
    return human_level(env_id) if is_atari(env_id) else threshold(env_id)


def _human_file(reference: HumanReference) -> str:
    if reference not in get_args(HumanReference):
        raise ValueError(_unknown_reference(reference, get_args(HumanReference)))
    return f"human_{reference}.csv"


@cache
def _column(filename: str, column: str) -> dict[str, float]:
    with (_DIRECTORY / filename).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["env_id"]: float(row[column]) for row in rows if row[column]}


@cache
def _version(filename: str) -> int:
    with (_DIRECTORY / filename).open(encoding="utf-8") as file:
        found = _VERSION.match(file.readline())
    if found is None:
        raise ValueError(f"{filename}: its first line is no '# version: N'")
    return int(found[1])


def _unknown_reference(reference: str, known: tuple[str, ...]) -> str:
    return f"unknown reference {reference!r}: expected one of {', '.join(known)}"
