"""What a figure of the paper shows: its panels, and which runs belong into each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.curve_axes import Axis
from analysis.formats import short_env_id
from analysis.load import Setting
from harness.envs.names import is_atari


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        sweep: stem of the sweep file whose runs it shows, in any tier.
        env_id: the environment.
        timesteps: the paper's budget; nothing beyond it is drawn.
        algos: whose runs the paper shows here.
        axis: what the curves are drawn against.
        letter: the paper's letter for it, "" where it has none.
    """

    sweep: str
    env_id: str
    timesteps: int
    algos: tuple[str, ...]
    axis: Axis = "timesteps"
    letter: str = ""

    @property
    def name(self) -> str:
        """Its letter, or its environment."""
        return self.letter or short_env_id(self.env_id)

    @property
    def title(self) -> str:
        """What stands above it."""
        return f"({self.letter}) {short_env_id(self.env_id)}" if self.letter else short_env_id(self.env_id)

    @property
    def window(self) -> int:
        """Episodes to smooth over: those of the paper's Table 1 on Atari, of Table 2 elsewhere."""
        return 100 if is_atari(self.env_id) else 10

    def of(self, settings: Sequence[Setting]) -> list[Setting]:
        """The settings that it shows."""
        return [s for s in settings if s.env_id == self.env_id and of_sweep(s.sweep, self.sweep)]


@dataclass(frozen=True)
class PaperFigure:
    """One figure.

    Attributes:
        id: ``figure1`` to ``figure9``.
        title: a few words for its title line.
        caption: what it shows, what the paper says it is, and where the two texts are silent.
        panels: in the paper's order, row by row.
        columns: panels in a row.
        seeds: random seeds behind a line of the paper's, None where it names no number.
        content: returns, or the KL divergence of each update.
        public: algorithms whose published learning curves are drawn beside the runs.
    """

    id: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    columns: int
    seeds: int | None
    content: Literal["returns", "kl"] = "returns"
    public: tuple[str, ...] = ()

    @property
    def sweeps(self) -> tuple[str, ...]:
        """Stems of the sweep files whose runs it shows."""
        return tuple(dict.fromkeys(panel.sweep for panel in self.panels))

    @property
    def label(self) -> str:
        """As the paper names it: ``Figure 1``."""
        return f"Figure {self.id.removeprefix('figure')}"


def of_sweep(name: str, stem: str) -> bool:
    """Whether the sweep called ``name`` is that of the file ``stem``, or a tier of it (``<stem>-<tier>``)."""
    return name == stem or name.startswith(f"{stem}-")
