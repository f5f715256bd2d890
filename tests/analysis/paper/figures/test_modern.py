from __future__ import annotations

import numpy as np
import pytest

from analysis.paper.figures import modern


@pytest.mark.parametrize(
    ("figure_id", "names"),
    [
        ("figure1", ["aggregates", "profile", "efficiency", "improvement"]),
        ("figure2", ["improvement"]),  # one game: an aggregate over tasks would be its curve
        ("figure3", ["improvement"]),  # no human level
        ("figure5", ["improvement-critic_norm", "improvement-batch_size"]),
        ("figure9", ["ratio"]),
    ],
)
def test_what_applies_is_drawn_and_titled(figure_id: str, names: list[str], add_figure, load) -> None:
    add_figure(figure_id)
    drawings = modern(figure_id, load())
    assert list(drawings) == names
    for drawing in drawings.values():
        assert drawing.get_suptitle().startswith(f"Figure {figure_id[-1]}: ")
        assert " of " in drawing.get_suptitle()


def test_only_finished_runs_count_and_the_title_says_so(add_figure, load, runs) -> None:
    add_figure("figure1")
    runs.add([1.0] * 9, sweep="atari6-smoke", env_id="PongNoFrameskip-v4", seed=7, state="failed")
    title = modern("figure1", load())["improvement"].get_suptitle()
    assert title.endswith("1M of 10M timesteps; 24 of 25 runs, the finished ones")


def test_agents_of_one_sweep_are_not_compared_with_those_of_another(runs, load) -> None:
    generator = np.random.default_rng(0)
    for sweep, agents in (("critic_norm", ("a2c", "acktr")), ("batch_size", ("a2c-160", "a2c-640"))):
        for agent in agents:
            runs.add(generator.normal(size=30), sweep=sweep, agent=agent, env_id="BreakoutNoFrameskip-v4")
    drawings = modern("figure5", load())
    pairs = [[tick.get_text() for tick in drawing.axes[0].get_yticklabels()] for drawing in drawings.values()]
    assert pairs == [["a2c > acktr"], ["a2c-160 > a2c-640"]]


def test_one_agent_alone_has_nothing_to_compare(runs, load) -> None:
    runs.add([1.0] * 30, sweep="mujoco8", env_id="Ant-v5")
    assert modern("figure3", load()) == {}
