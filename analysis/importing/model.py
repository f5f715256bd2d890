"""What an import reads: runs without a RunSpec, known by their episodes or by a curve."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

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

    def may_have_trained(self, budget: int) -> bool:
        """Whether the run can have trained ``budget`` timesteps, the end of which nothing was recorded of.

        Of an episode that was cut off by the end of training there is no line, nor of the timesteps after the
        last point of a curve: seeds of one budget end at different timesteps.
        """
        if self.curve is None:
            unseen = int(self.episodes.lengths.max()) * (int(self.episodes.env_indices.max()) + 1)
        else:
            unseen = int(np.diff(self.curve.timesteps, prepend=self.curve.timesteps[0]).max())
        return self.n_timesteps == budget or self.n_timesteps < budget < self.n_timesteps + unseen


def known_env_id(name: str) -> str:
    """The canonical id of an environment, or the name itself where there is none of that name here."""
    try:
        return canonical_env_id(name)
    except UnknownEnvironment:
        return name
