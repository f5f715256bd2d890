"""Values that change over training, written as plain data.

A schedule is a number (constant), ``"lin_0.25"`` (linear from 0.25 to 0, the spelling of RL Zoo),
``{"linear": [start, end]}`` or ``{"quadratic": [start, end]}``: with ``p`` the share of training that
remains, ``end + (start - end) p`` or ``end + (start - end) p^2``. A radius that falls quadratically to 0
makes the length of a clipped step fall linearly, as the paper's ``eta_max`` does for steps inside the region.
The normal form, which goes into a run's record, is a float or the mapping.
Importable without torch; Stable-Baselines3 is only needed to turn a schedule into a callable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeGuard

from pydantic import BeforeValidator, WithJsonSchema

Schedule = Callable[[float], float]
ScheduleData = float | dict[str, list[float]]

SHAPES = ("linear", "quadratic")
EXPECTED = "a number >= 0, 'lin_<number>', or {linear: [start, end]} or {quadratic: [start, end]}"


def normalise(value: Any) -> ScheduleData:
    """Return the normal form of a schedule.

    Raises:
        ValueError: not a schedule, or one that is negative or not finite somewhere.
    """
    if isinstance(value, str) and value.startswith("lin_"):
        return {"linear": [_number(value.removeprefix("lin_"), value), 0.0]}
    if isinstance(value, Mapping):
        shape, ends = next(iter(value.items()), (None, None))
        if not is_schedule(value) or not isinstance(ends, (list, tuple)) or len(ends) != 2:
            raise ValueError(f"expected {EXPECTED}, got {dict(value)!r}")
        return {str(shape): [_number(end, value) for end in ends]}
    return _number(value, value)


def _number(text: Any, value: Any) -> float:
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise ValueError(f"expected {EXPECTED}, got {value!r}")
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"expected {EXPECTED}, got {value!r}") from None
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"expected {EXPECTED}, got {value!r}")
    return number


def is_schedule(value: Any) -> TypeGuard[dict[str, list[float]]]:
    """Whether ``value`` is a non-constant schedule in normal form."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in SHAPES


def as_callable(value: ScheduleData | Schedule) -> Schedule:
    """Return a function of SB3's ``progress_remaining`` (1 at the start, 0 at the end).

    SB3's own picklable schedule classes are used, so that a saved model can be loaded anywhere.
    """
    from stable_baselines3.common.utils import ConstantSchedule, LinearSchedule

    if callable(value):
        return value
    value = normalise(value)
    if isinstance(value, dict):
        [(shape, (start, end))] = value.items()
        return LinearSchedule(start, end, 1.0) if shape == "linear" else QuadraticSchedule(start, end)
    return ConstantSchedule(value)


@dataclass(frozen=True)
class QuadraticSchedule:
    """``end + (start - end) progress_remaining^2``; picklable, as SB3's own schedule classes are."""

    start: float
    end: float

    def __call__(self, progress_remaining: float) -> float:
        return self.end + (self.start - self.end) * progress_remaining**2


def named_schedule(name: str, value: ScheduleData | Schedule) -> Schedule:
    """:func:`as_callable`, with the option's name in the error and both ends evaluated.

    Raises:
        ValueError: not a schedule, or negative or not finite at the start or at the end.
    """
    try:
        schedule = as_callable(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    for progress_remaining in (1.0, 0.0):
        value_at(name, schedule, progress_remaining)
    return schedule


def value_at(name: str, schedule: Schedule, progress_remaining: float) -> float:
    """The schedule's value; past the end of training (SB3 then counts below 0) its value at the end.

    Raises:
        ValueError: the value is negative or not finite.
    """
    progress_remaining = max(progress_remaining, 0.0)
    value = float(schedule(progress_remaining))
    if not math.isfinite(value) or value < 0:
        raise ValueError(
            f"{name} is {value} at progress_remaining={progress_remaining:g}; "
            "expected a finite number >= 0 everywhere"
        )
    return value


ScheduleField = Annotated[
    float | dict[str, list[float]],
    BeforeValidator(normalise),
    WithJsonSchema({"description": EXPECTED}),
]
