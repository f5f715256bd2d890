"""Checks of what a user passes to the optimizer; one clear line per mistake."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """An option with a closed set of values."""

    name: str
    value: str
    allowed: tuple[str, ...]


def check_options(*choices: Choice, **numbers: Any) -> dict[str, Any]:
    """The options of one optimizer as a dictionary.

    Raises:
        ValueError: naming the option, its value and what was expected.
    """
    for choice in choices:
        if choice.value not in choice.allowed:
            near = difflib.get_close_matches(str(choice.value), choice.allowed, n=1, cutoff=0.0)[0]
            raise ValueError(
                f"{choice.name}={choice.value!r}: expected one of {', '.join(choice.allowed)}; "
                f"nearest is {near!r}"
            )
    if not 0 <= numbers["stats_decay"] < 1:
        raise ValueError(f"stats_decay={numbers['stats_decay']}: expected a number in [0, 1)")
    for name in ("stats_every", "stats_batch", "stats_patches", "metric_batch", "inverse_every"):
        if numbers[name] is not None and not numbers[name] >= 1:
            raise ValueError(f"{name}={numbers[name]}: expected an integer of at least 1")
    if not 0 <= numbers["inverse_lag"] <= numbers["inverse_every"]:
        raise ValueError(
            f"inverse_lag={numbers['inverse_lag']}: expected 0 to inverse_every={numbers['inverse_every']}"
        )
    return {**{choice.name: choice.value for choice in choices}, **numbers}


def check_group(group: dict[str, Any]) -> None:
    """Raise `ValueError` if a parameter group's number is out of range."""
    if not (float(group["lr"]) >= 0 and math.isfinite(group["lr"])):
        raise ValueError(f"lr={group['lr']}: expected a finite number of at least 0")
    if not float(group["delta"]) > 0:
        raise ValueError(f"delta={group['delta']}: expected a positive number")
    if not 0 <= float(group["momentum"]) < 1:
        raise ValueError(f"momentum={group['momentum']}: expected a number in [0, 1)")
    if not (float(group["damping"]) >= 0 and math.isfinite(group["damping"])):
        raise ValueError(f"damping={group['damping']}: expected a finite number of at least 0")
