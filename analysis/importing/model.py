"""What an import reads: runs without a RunSpec, known by their episodes or by a curve."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.episodes import Episodes
from analysis.statistics.curves import Curve
from harness.envs.names import UnknownEnvironment, canonical_env_id


class ImportProblem(ValueError):
    """Files that cannot be read as results; the message is one line and names the file."""


@dataclass(frozen=True)
class ImportedRun:
    """One run.

    Attributes:
        label: the agent's name.
        env_id: the environment, canonical where it is known here.
        source: the file or directory it was read from.
        seed: a number that tells it from the other runs of the same agent and environment.
        episodes: in the order in which they finished; none where only a curve is known.
        curve: mean return against timesteps, where there are no episodes.
    """

    label: str
    env_id: str
    source: str
    seed: int
    episodes: Episodes = field(default_factory=Episodes.none, repr=False)
    curve: Curve | None = field(default=None, repr=False)

    @property
    def n_timesteps(self) -> int:
        """The last timestep that is known of."""
        return int(self.episodes.timesteps[-1] if self.curve is None else self.curve.timesteps[-1])


def known_env_id(name: str) -> str:
    """The canonical id of an environment, or the name itself where there is none of that name here."""
    try:
        return canonical_env_id(name)
    except UnknownEnvironment:
        return name
