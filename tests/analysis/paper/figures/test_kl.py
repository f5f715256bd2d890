"""Figure 9 and its modern counterpart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.paper.figures import draw, modern

CHEETAH = "HalfCheetah-v5"
HEADER = "train/n_updates,train/kl_exact,train/kl_predicted"


def add(runs, rows: str, header: str = HEADER, delta=0.001, **fields) -> Path:
    fields = {"env_id": CHEETAH, "n_timesteps": 1000, **fields}
    hyperparameters = {"n_envs": 1, "n_steps": 100, "delta": delta}
    directory = runs.add([1.0] * 10, sweep="kl", hyperparameters=hyperparameters, **fields)
    (directory / "progress.csv").write_text(f"{header}\n{rows}")
    return directory


def cheetah(load):
    return draw("figure9", load()).axes[0]


def at(line, updates) -> np.ndarray:
    return np.interp(updates, *line.get_data())


def test_exact_predicted_and_radius_are_means_over_seeds(runs, load) -> None:
    add(runs, ",,\n1,0.001,0.002\n2,0.003,0.002\n3,0.005,0.004\n", seed=0)
    add(runs, "1,0.003,0.004\n2,0.005,0.004\n3,0.009,0.004\n", seed=1)
    axes = cheetah(load)
    exact, predicted, radius = axes.lines
    np.testing.assert_allclose(at(exact, [1, 2, 3]), [0.002, 0.004, 0.007])
    np.testing.assert_allclose(at(predicted, [1, 2, 3]), [0.003, 0.003, 0.004])
    np.testing.assert_allclose(radius.get_ydata(), 0.001)
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("updates", "KL divergence per update")
    assert axes.get_title() == f"{CHEETAH}: acktr"


@pytest.mark.parametrize(
    ("delta", "expected"),
    [({"linear": [0.01, 0.0]}, [0.009, 0.005, 0.0]), ({"quadratic": [0.01, 0.0]}, [0.0081, 0.0025, 0.0])],
)
def test_radius_follows_its_schedule(runs, load, delta, expected: list[float]) -> None:
    add(runs, "".join(f"{update},0.001,0.001\n" for update in range(1, 11)), delta=delta)
    radius = cheetah(load).lines[2]
    np.testing.assert_allclose(at(radius, [1, 5, 10]), expected, atol=1e-12)


def test_radius_takes_in_the_logged_factor(runs, load) -> None:
    rows = "1,0.001,0.001,0.5\n2,0.001,0.001,0.25\n"
    add(runs, rows, header=f"{HEADER},train/delta_factor", delta=0.01)
    np.testing.assert_allclose(at(cheetah(load).lines[2], [1, 2]), [0.005, 0.0025])


def test_a_row_per_agent(runs, load) -> None:
    for agent in ("paper", "tuned"):
        add(runs, "1,0.001,0.001\n2,0.001,0.001\n", agent=agent, algo="acktr")
    titles = [axes.get_title() for axes in draw("figure9", load()).axes]
    assert titles == [f"{env}: {agent}" for agent in ("paper", "tuned") for env in (CHEETAH, "Reacher-v5")]


def test_missing_columns_and_damaged_rows_are_named(runs, load) -> None:
    add(runs, "1,0.001\n", header="train/n_updates,train/kl_predicted", seed=0)
    assert [text.get_text() for text in cheetah(load).texts] == [
        "no update to draw",
        "no column train/kl_exact: seed 0",
    ]
    add(runs, "1,0.001,0.001\n2,0.001,0.001\n3,0.00", seed=1)
    axes = cheetah(load)
    assert [text.get_text() for text in axes.texts] == [
        "1 damaged rows left out: seed 1\nno column train/kl_exact: seed 0"
    ]
    assert axes.lines[0].get_xdata()[-1] == 2


def test_a_seed_that_has_not_logged_anything_is_named(runs, load) -> None:
    add(runs, "1,0.001,0.001\n2,0.001,0.001\n", seed=0)
    (add(runs, "", seed=1, state="pending") / "progress.csv").unlink()
    axes = cheetah(load)
    assert len(axes.lines) == 3
    assert [text.get_text() for text in axes.texts] == ["nothing logged: seed 1"]


def test_an_unfinished_seed_is_thin_and_no_part_of_the_mean(runs, load) -> None:
    add(runs, "1,0.001,0.001\n2,0.001,0.001\n3,0.001,0.001\n", seed=0)
    add(runs, "1,0.009,0.001\n2,0.009,0.001\n", seed=1, state="running")
    exact, _, _, thin = cheetah(load).lines
    np.testing.assert_allclose(exact.get_ydata(), 0.001)
    assert thin.get_xdata()[-1] == 2
    assert thin.get_linewidth() < exact.get_linewidth()


def test_seeds_meet_at_the_updates_that_all_of_them_logged(runs, load) -> None:
    add(runs, "1,0.001,0.001\n3,0.003,0.001\n5,0.005,0.001\n", seed=0)
    add(runs, "1,0.003,0.001\n2,0.009,0.001\n3,0.005,0.001\n", seed=1)
    x, y = cheetah(load).lines[0].get_data()
    np.testing.assert_array_equal(x, [1, 3])
    np.testing.assert_allclose(y, [0.002, 0.004])


def test_a_single_update_is_a_dot(runs, load) -> None:
    add(runs, "1,0.002,0.001\n")
    exact = cheetah(load).lines[0]
    assert list(exact.get_data()[1]) == [0.002]
    assert exact.get_marker() == "."


def test_seeds_without_a_common_update_are_said_to_be_so(runs, load) -> None:
    add(runs, "1,0.001,0.001\n", seed=0)
    add(runs, "2,0.001,0.001\n", seed=1)
    texts = [text.get_text() for text in cheetah(load).texts]
    assert texts == ["no update to draw", "seeds without common updates"]


def test_an_update_made_again_counts_as_its_later_row(runs, load) -> None:
    add(runs, "1,0.001,0.001\n2,0.009,0.001\n3,0.009,0.001\n2,0.002,0.001\n3,0.003,0.001\n")
    np.testing.assert_allclose(at(cheetah(load).lines[0], [1, 2, 3]), [0.001, 0.002, 0.003])


def test_ratio_is_the_distribution_of_exact_over_predicted(runs, load) -> None:
    add(runs, "1,0.001,0.002\n2,0.002,0.001\n3,0.004,0.001\n4,0.001,0.0\n")
    (drawing,) = modern("figure9", load()).values()
    (line,) = [line for line in drawing.axes[0].lines if len(line.get_xdata()) > 2]
    x, y = line.get_data()
    assert [y[np.searchsorted(x, value)] for value in (0.4, 0.6, 2.1, 5.0)] == pytest.approx(
        [0, 1 / 3, 2 / 3, 1]
    )
    assert [text.get_text() for text in drawing.axes[1].texts] == ["no runs"]


def test_without_a_logged_update_there_is_no_ratio(runs, load) -> None:
    add(runs, "1,0.001\n", header="train/n_updates,train/kl_predicted")
    assert modern("figure9", load()) == {}
