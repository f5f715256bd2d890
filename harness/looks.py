"""The record of a sequential sweep, ``runs/<sweep>/sequential.json``: its rule, and every look taken.

A sequential sweep (``seeds: {min, max, until: decided}``) compares agents with a baseline while their seeds
are still being run. What was looked at and decided is written down at once and never changes: a later look
goes on from it, and the report shows it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from harness.records import RecordError, read_json, write_json

FILE = "sequential.json"
VERSION = 1
Statistic = Literal["last100", "best10", "auc"]
Correction = Literal["holm", "none"]
Spending = Literal["pocock", "obrien_fleming"]
Decision = Literal["open", "higher", "lower", "undecided"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)


@dataclass(frozen=True)
class Rule:
    """What was registered before the first look.

    Attributes:
        baseline: label of the agent that all others are compared with.
        statistic: of a run: mean return of the last 100 episodes, highest mean of 10 consecutive ones, or
            mean height of the learning curve.
        alpha: two-sided error rate over all looks.
        correction: ``holm``: ``alpha`` holds for all comparisons of an agent together; ``none``: for each.
        spending: how much of it may be spent by when (Lan and DeMets, 1983).
        start: the first seed.
        min, max, step: seeds per agent before the first look, at most, and between looks.
    """

    baseline: str
    statistic: Statistic
    alpha: float
    correction: Correction
    spending: Spending
    start: int
    min: int
    max: int
    step: int


@dataclass(frozen=True)
class Look:
    """One look at one comparison.

    Attributes:
        seeds: per agent, the first so many.
        scores, baseline_scores: ``[seeds]`` what was looked at, in the order of the seeds.
        difference: of the means, agent less baseline.
        level: error rate over all looks that the comparison had at this look.
        p: the chance, were there no difference, of having decided before or of seeing one this large now.
        spent: the part of ``level`` that this look and those before have used.
        boundary: the difference, either way, that decides; None where none of any size could.
        decision: ``higher`` or ``lower`` than the baseline, ``open``, or ``undecided`` at the last look.
        time: when it was taken, unix seconds.
    """

    seeds: int
    scores: tuple[float, ...]
    baseline_scores: tuple[float, ...]
    difference: float
    level: float
    p: float
    spent: float
    boundary: float | None
    decision: Decision
    time: float


@dataclass(frozen=True)
class Comparison:
    """An agent's setting against the baseline's on one environment.

    Attributes:
        agent: label.
        env_id: the environment.
        identity, baseline_identity: of the two settings (:attr:`harness.spec.RunSpec.identity`).
        planned: seeds per agent at each look.
        looks: those taken.
    """

    agent: str
    env_id: str
    identity: str
    baseline_identity: str
    planned: tuple[int, ...]
    looks: tuple[Look, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What is compared."""
        return self.agent, self.env_id, self.identity, self.baseline_identity

    @property
    def decision(self) -> Decision:
        """Of the newest look."""
        return self.looks[-1].decision if self.looks else "open"

    @property
    def needed(self) -> int:
        """Seeds per agent: for the next look, or those of the last one where nothing is open."""
        return self.planned[len(self.looks)] if self.decision == "open" else self.looks[-1].seeds

    def with_look(self, look: Look) -> Comparison:
        """With one look more."""
        return replace(self, looks=(*self.looks, look))


@dataclass(frozen=True)
class Looks:
    """The record.

    Attributes:
        rule: what was registered.
        comparisons: in the sweep's order.
    """

    rule: Rule
    comparisons: tuple[Comparison, ...]

    @property
    def open(self) -> list[Comparison]:
        """Comparisons that more seeds may decide."""
        return [comparison for comparison in self.comparisons if comparison.decision == "open"]


def read_looks(directory: Path) -> Looks | None:
    """The record in the sweep's ``directory``; None where there is none.

    Raises:
        RecordError: a damaged file, or one of another version.
    """
    path = directory / FILE
    if not path.exists():
        return None
    content = read_json(path)
    if content.get("version") != VERSION:
        raise RecordError(f"{path}: version is {content.get('version')!r}, expected {VERSION}")
    try:
        return Looks(
            Rule(**content["rule"]),
            tuple(_comparison(one, content["rule"]["max"]) for one in content["comparisons"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{path}: damaged ({type(error).__name__}: {error})") from None


def write_looks(directory: Path, record: Looks) -> None:
    """Replace the record in the sweep's ``directory``, atomically."""
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / FILE, {"version": VERSION, **asdict(record)})


def _comparison(content: Mapping[str, Any], most: int) -> Comparison:
    planned = tuple(int(seeds) for seeds in content["planned"])
    looks = tuple(_look(one) for one in content["looks"])
    if tuple(look.seeds for look in looks) != planned[: len(looks)] or planned[-1] != most:
        raise ValueError("looks other than the planned ones")
    if any(look.decision != "open" for look in looks[:-1]):
        raise ValueError("a look after the decision")
    return Comparison(**{**content, "planned": planned, "looks": looks})


def _look(content: Mapping[str, Any]) -> Look:
    if set(content) != {field.name for field in fields(Look)} or content["decision"] not in DECISIONS:
        raise ValueError(f"a look with {', '.join(content)}")
    scores, baseline = (_finite(content[name]) for name in ("scores", "baseline_scores"))
    if not len(scores) == len(baseline) == content["seeds"]:
        raise ValueError("a look without one score per seed")
    return Look(**{**content, "scores": scores, "baseline_scores": baseline})


def _finite(values: Sequence[Any]) -> tuple[float, ...]:
    scores = tuple(float(value) for value in values)
    if not all(map(math.isfinite, scores)):
        raise ValueError("a score that is not finite")
    return scores
