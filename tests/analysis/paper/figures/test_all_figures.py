"""What holds for all nine figures."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from analysis.figures import save_figure
from analysis.paper.figures import FIGURES, draw, modern

ALL = [f"figure{number}" for number in range(1, 10)]
GAMES = ["BeamRider", "Breakout", "Pong", "Qbert", "Seaquest", "SpaceInvaders"]
TASKS = [
    "InvertedPendulum",
    "InvertedDoublePendulum",
    "Reacher",
    "Hopper",
    "HalfCheetah",
    "Walker2d",
    "Swimmer",
]
PANELS = {
    "figure1": GAMES,
    "figure2": ["Atlantis"] * 3,
    "figure3": [f"{task}-v5" for task in [*TASKS, "Ant"]],
    "figure4": ["Reacher-v5", "HalfCheetah-v5", "Walker2d-v5"],
    "figure5": ["(a) HalfCheetah-v5", "(b) Breakout", "(c) Breakout", "(d) Breakout"],
    "figure6": [f"{task}-v5" for task in TASKS],
    "figure7": GAMES,
    "figure8": [f"{task}-v5" for task in [*TASKS, "Ant"]],
    "figure9": ["HalfCheetah-v5", "Reacher-v5"],
}
SWEEPS = {
    "figure1": ("atari6",),
    "figure2": ("atlantis",),
    "figure3": ("mujoco8",),
    "figure4": ("pixels3",),
    "figure5": ("critic_norm", "batch_size"),
    "figure6": ("openai_baselines",),
    "figure7": ("gauss_newton",),
    "figure8": ("gauss_newton",),
    "figure9": ("kl",),
}


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_there_are_nine_with_their_sweeps() -> None:
    assert list(FIGURES) == ALL
    assert {figure_id: figure.sweeps for figure_id, figure in FIGURES.items()} == SWEEPS


def test_their_sweep_files_have_the_environments_of_the_panels() -> None:
    from harness.sweep.expand import load_sweep

    sweeps = Path(__file__).resolve().parents[4] / "sweeps"
    for figure in FIGURES.values():
        for stem in figure.sweeps:
            runs = load_sweep(sweeps / f"{stem}.yaml").runs
            for panel in figure.panels:
                if panel.sweep == stem:
                    here = [run for run in runs if run.env_id == panel.env_id]
                    assert set(panel.algos) <= {run.algo for run in here}, (figure.id, panel.name)
                    assert {run.n_timesteps for run in here} == {panel.timesteps}, (figure.id, panel.name)


@pytest.mark.parametrize("figure_id", ALL)
def test_without_runs_every_panel_is_there_and_says_so(figure_id: str) -> None:
    drawing = draw(figure_id, [])
    assert [axes.get_title() for axes in drawing.axes] == PANELS[figure_id]
    assert all(texts(axes) == ["no runs"] for axes in drawing.axes)
    assert drawing.get_suptitle().startswith(f"Figure {figure_id[-1]}: ")
    assert drawing.get_suptitle().endswith("no runs\nno runs")
    assert modern(figure_id, []) == {}


@pytest.mark.parametrize("figure_id", ALL)
def test_drawn_from_a_smaller_tier(figure_id: str, add_figure, load) -> None:
    add_figure(figure_id)
    drawing = draw(figure_id, load())
    titles = [axes.get_title() for axes in drawing.axes]
    if figure_id == "figure9":
        panels = [axes for axes in drawing.axes if axes.get_title().endswith(": acktr")]
        assert len(panels) == len(PANELS[figure_id])
    else:
        panels = drawing.axes
        assert titles == PANELS[figure_id]
    for axes in panels:
        assert len(axes.lines) >= 2
        assert any(isinstance(band, PolyCollection) for band in axes.collections)
    first_line, second_line = drawing.get_suptitle().split("\n")
    assert " of " in first_line
    assert first_line.endswith("timesteps") or figure_id == "figure5"
    assert second_line.startswith("2 finished seeds per line")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a layout that does not fit warns
        drawing.draw_without_rendering()


def test_the_same_runs_give_the_same_files(add_figure, load, tmp_path: Path) -> None:
    add_figure("figure2")
    contents = []
    for _ in range(2):
        contents.append([path.read_bytes() for path in save_figure(draw("figure2", load()), tmp_path / "f")])
    assert contents[0] == contents[1]


def test_one_seed_has_no_band(add_figure, load) -> None:
    add_figure("figure4", seeds=1)
    drawing = draw("figure4", load())
    assert all(len(axes.collections) == 0 for axes in drawing.axes)
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == ["a2c", "acktr"]
    assert "1 finished seed per line" in drawing.get_suptitle()


def test_an_unknown_figure_is_one_line_with_the_nearest() -> None:
    for function in (draw, modern):
        with pytest.raises(ValueError, match=r"^no figure 'figure11', the nearest is 'figure1'.*$"):
            function("figure11", [])


def test_sweeps_of_other_figures_change_nothing(add_figure, load) -> None:
    add_figure("figure4")
    alone = draw("figure4", load())
    add_figure("figure3", tier="")
    add_figure("figure3")
    among_others = draw("figure4", load())
    assert [t.get_text() for t in among_others.legends[0].get_texts()] == [
        "a2c",
        "acktr",
        "± 1 standard deviation over seeds",
    ]
    for here, there in zip(alone.axes, among_others.axes, strict=True):
        for line, other in zip(here.lines, there.lines, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), other.get_ydata())
