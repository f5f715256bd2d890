"""The nine figures of Wu et al. (2017)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from analysis.paper.figures.model import Panel, PaperFigure

THREE = ("acktr", "a2c", "trpo")
GAMES = ("BeamRider", "Breakout", "Pong", "Qbert", "Seaquest", "SpaceInvaders")
TASKS = (
    "InvertedPendulum",
    "InvertedDoublePendulum",
    "Reacher",
    "Hopper",
    "HalfCheetah",
    "Walker2d",
    "Swimmer",
    "Ant",
)
M = 1_000_000


def _game(name: str) -> str:
    return f"{name}NoFrameskip-v4"


def _atari(sweep: str, algos: tuple[str, ...]) -> tuple[Panel, ...]:
    return tuple(Panel(sweep, _game(name), 10 * M, algos) for name in GAMES)


def _mujoco(sweep: str, names: tuple[str, ...], algos: tuple[str, ...], timesteps: int) -> tuple[Panel, ...]:
    return tuple(Panel(sweep, f"{name}-v5", timesteps, algos) for name in names)


_ALL = (
    PaperFigure(
        id="figure1",
        title="six Atari games",
        caption=(
            "ACKTR, A2C and TRPO on six Atari games over 10 million timesteps of 4 frames. The paper's "
            "band is one standard deviation over 2 seeds; its A2C and TRPO are OpenAI's."
        ),
        panels=_atari("atari6", THREE),
        columns=3,
        seeds=2,
        public=("acktr", "a2c", "trpo_mpi"),
    ),
    PaperFigure(
        id="figure2",
        title="Atlantis by hours, episodes and timesteps",
        caption=(
            "ACKTR and A2C on Atlantis. The paper has ACKTR at 2 million points after 1.3 hours, 600 "
            "episodes and 2.5 million timesteps, A2C after 10 hours, 6000 episodes and 25 million "
            "timesteps; hours depend on the machine. It names neither budget nor seeds here; 50 million "
            "timesteps are those of Appendix A.1."
        ),
        panels=tuple(
            Panel("atlantis", _game("Atlantis"), 50 * M, ("acktr", "a2c"), axis)
            for axis in ("hours", "episodes", "timesteps")
        ),
        columns=3,
        seeds=None,
    ),
    PaperFigure(
        id="figure3",
        title="eight MuJoCo tasks",
        caption=(
            "ACKTR, A2C and TRPO on eight MuJoCo tasks from states over 1 million timesteps. The paper's "
            "band is one standard deviation over 3 seeds. Its caption counts 4 frames to a timestep, "
            "which holds for Atari."
        ),
        panels=_mujoco("mujoco8", TASKS, THREE, M),
        columns=4,
        seeds=3,
    ),
    PaperFigure(
        id="figure4",
        title="three MuJoCo tasks from pixels",
        caption=(
            "ACKTR and A2C on three MuJoCo tasks from images over 40 million timesteps. The paper names "
            "no number of seeds."
        ),
        panels=_mujoco("pixels3", ("Reacher", "HalfCheetah", "Walker2d"), ("acktr", "a2c"), 40 * M),
        columns=3,
        seeds=None,
    ),
    PaperFigure(
        id="figure5",
        title="the critic's norm (a, b) and the batch size (c, d)",
        caption=(
            "(a), (b): ACKTR with a Gauss-Newton and with a Euclidean norm for the critic, and A2C, on "
            "HalfCheetah and Breakout. (c), (d): ACKTR and A2C with batches of 160 and 640 on Breakout, "
            "against timesteps and against updates. An update is a batch: 10 million timesteps at batch "
            "640 are 15,625, where the paper's axis goes about four times as far. The paper names no "
            "budget here; 1 million on MuJoCo and 10 million on Atari are those of Figures 3 and 1."
        ),
        panels=(
            Panel("critic_norm", "HalfCheetah-v5", M, ("acktr", "a2c"), letter="a"),
            Panel("critic_norm", _game("Breakout"), 10 * M, ("acktr", "a2c"), letter="b"),
            Panel("batch_size", _game("Breakout"), 10 * M, ("acktr", "a2c"), letter="c"),
            Panel("batch_size", _game("Breakout"), 10 * M, ("acktr", "a2c"), "updates", letter="d"),
        ),
        columns=4,
        seeds=None,
    ),
    PaperFigure(
        id="figure6",
        title="seven MuJoCo tasks, baselines in OpenAI's form",
        caption=(
            "ACKTR beside A2C and TRPO as OpenAI ran them, on seven MuJoCo tasks over 1 million "
            "timesteps. The paper's band is one standard deviation over 3 seeds."
        ),
        panels=_mujoco("openai_baselines", TASKS[:-1], THREE, M),
        columns=4,
        seeds=3,
    ),
    PaperFigure(
        id="figure7",
        title="adaptive against vanilla Gauss-Newton, six Atari games",
        caption=(
            "ACKTR with the critic's sigma estimated and with sigma 1 over 10 million timesteps of 4 "
            "frames. The paper's band is one standard deviation over 2 seeds."
        ),
        panels=_atari("gauss_newton", ("acktr",)),
        columns=3,
        seeds=2,
    ),
    PaperFigure(
        id="figure8",
        title="adaptive against vanilla Gauss-Newton, eight MuJoCo tasks",
        caption=(
            "ACKTR with the critic's sigma estimated and with sigma 1 over 1 million timesteps. The "
            "paper's band is one standard deviation over 3 seeds."
        ),
        panels=_mujoco("gauss_newton", TASKS, ("acktr",), M),
        columns=4,
        seeds=3,
    ),
    PaperFigure(
        id="figure9",
        title="realised and predicted KL divergence of each update",
        caption=(
            "KL divergence of the policy before and after an update, beside the one that the quadratic "
            "model predicts and the trust-region radius, on HalfCheetah and Reacher. The paper names "
            "neither budget nor seeds; 1 million timesteps is that of Figure 3. The axis is logarithmic "
            "here."
        ),
        panels=_mujoco("kl", ("HalfCheetah", "Reacher"), ("acktr",), M),
        columns=2,
        seeds=None,
        content="kl",
    ),
)

FIGURES: Mapping[str, PaperFigure] = {figure.id: figure for figure in _ALL}
"""By id, ``figure1`` to ``figure9``."""


def find_figure(figure_id: str) -> PaperFigure:
    """The figure of that id.

    Raises:
        ValueError: there is none; the message names the nearest.
    """
    found = FIGURES.get(figure_id)
    if found is None:
        nearest = difflib.get_close_matches(figure_id, FIGURES, n=1, cutoff=0.0)[0]
        raise ValueError(f"no figure {figure_id!r}, the nearest is {nearest!r}; expected figure1 to figure9")
    return found
