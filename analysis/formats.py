"""How numbers are printed for people."""

from __future__ import annotations

from collections.abc import Callable

from analysis.statistics.intervals import Interval

EMPTY = "-"


def returns_text(value: float) -> str:
    """A return, to one decimal as in the paper: ``13,581.4``."""
    return f"{value:,.1f}"


def level_text(value: float) -> str:
    """A level to reach, to one decimal where it has one: ``31.8``, ``13,455``."""
    return returns_text(value).removesuffix(".0")


def count_text(value: float) -> str:
    """A whole number, rounded: ``14,696``."""
    return f"{value:,.0f}"


def timesteps_text(value: float) -> str:
    """Timesteps with a decimal suffix and three significant digits: ``750``, ``12.5k``, ``10M``, ``2.5G``."""
    for suffix in ("", "k", "M", "G"):
        short = f"{value:.3g}"
        if abs(float(short)) < 1000 or suffix == "G":
            return f"{float(short):g}{suffix}"
        value /= 1000
    raise AssertionError("unreachable")


def short_env_id(env_id: str) -> str:
    """An environment's name without what all Atari ids share: ``PongNoFrameskip-v4`` -> ``Pong``."""
    return env_id.removesuffix("NoFrameskip-v4")


def interval_text(interval: Interval, text: Callable[[float], str] = returns_text) -> str:
    """An estimate with its interval, ``1.2 [0.9, 1.6]``; without one, the estimate alone."""
    if interval.low is None or interval.high is None:
        return text(interval.estimate)
    return f"{text(interval.estimate)} [{text(interval.low)}, {text(interval.high)}]"


def ratio_text(value: float) -> str:
    """A score or a ratio to two decimals: ``0.85``."""
    return f"{value:,.2f}"


def p_text(value: float) -> str:
    """A p-value to two significant digits: ``0.031``, ``<0.0001``."""
    return "<0.0001" if value < 0.0001 else f"{value:.2g}"
