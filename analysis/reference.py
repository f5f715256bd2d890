"""The level that "first episode reaching it" refers to: which table, and over how many episodes."""

from __future__ import annotations

from dataclasses import dataclass

from harness.envs.reference import default_reference, reference_label, reference_level


@dataclass(frozen=True)
class Reference:
    """A return to reach on one environment.

    Attributes:
        value: the mean raw return.
        source: where it comes from, for people, with the table's name and version.
        window: over how many consecutive episodes the mean is taken.
    """

    value: float
    source: str
    window: int


_SOURCE_AND_WINDOW = {
    "mnih2015": ("human level, Mnih et al. (2015)", 100),
    "gu2016": ("threshold, Table 2 of Wu et al. (2017)", 10),
}


def paper_reference(env_id: str) -> Reference | None:
    """The level and window of the paper's Table 1 (Atari, 100 episodes) or 2 (MuJoCo, 10 episodes).

    None where the paper's table has no level for ``env_id``.
    """
    name, value = default_reference(env_id), reference_level(env_id)
    if name is None or value is None:
        return None
    source, window = _SOURCE_AND_WINDOW[name]
    return Reference(value, f"{source} [{reference_label(name)}]", window)
