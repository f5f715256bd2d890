from __future__ import annotations

import pytest

from analysis.statistics.grids import chosen_setting, expected_after_tuning, grid_scores, held_out_means


def test_scores_are_scaled_per_environment() -> None:
    cells = {
        "a": {"Pong": {0: 0.0, 1: 2.0}, "Ant": {0: 1000.0}},
        "b": {"Pong": {0: 5.0}, "Ant": {0: 3000.0}},
        "c": {"Pong": {0: 3.0}, "Ant": {0: 0.0}},
    }
    assert grid_scores(cells) == pytest.approx({"a": (0 + 1 / 3) / 2, "b": 1.0, "c": (0.5 + 0) / 2})
    assert chosen_setting(cells) == "b"


def test_of_equal_settings_the_first_is_chosen() -> None:
    cells = {name: {"Pong": {0: 1.0}} for name in ("z", "a")}
    assert grid_scores(cells) == {"z": 0.5, "a": 0.5}
    assert chosen_setting(cells) == "z"


def test_a_setting_without_an_environment_is_named() -> None:
    with pytest.raises(ValueError, match="setting b has no score on Ant"):
        grid_scores({"a": {"Pong": {0: 1.0}, "Ant": {0: 1.0}}, "b": {"Pong": {0: 1.0}}})
    with pytest.raises(ValueError, match="at least one setting"):
        grid_scores({})


def test_held_out_mean_is_free_of_the_luck_of_the_choice() -> None:
    # Each setting is lucky on one seed: choosing by two seeds never meets the luck of the third.
    cells = {"a": {"Pong": {0: 9.0, 1: 0.0, 2: 0.0}}, "b": {"Pong": {0: 0.0, 1: 9.0, 2: 1.0}}}
    assert held_out_means(cells) == pytest.approx({"Pong": (0.0 + 0.0 + 0.0) / 3})
    assert held_out_means({"a": {"Pong": {0: 1.0}}, "b": {"Pong": {0: 2.0}}}) is None


def test_expected_after_tuning_grows_with_what_was_tried() -> None:
    means = [1.0, 5.0, 3.0]
    assert [expected_after_tuning(means, tried) for tried in (1, 2, 3, 4)] == pytest.approx(
        [3.0, (3 + 5 + 5) / 3, 5.0, None]
    )
