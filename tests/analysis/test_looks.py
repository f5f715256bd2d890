"""Which looks are taken when, at what level, and what a decision is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from analysis.load import load_sweeps
from analysis.looks import plan_of, scores_of, take_looks
from analysis.report import report
from analysis.sections.sequential import find_looks, sequential_table
from harness.looks import Comparison, Looks, Rule, write_looks

RULE = Rule("a2c", "last100", 0.05, "holm", "pocock", start=0, min=3, max=10, step=2)
LOW, HIGH = [1.0, 2.0, 1.5, 1.2, 1.9, 1.1, 1.4, 1.8, 1.3, 1.7], [value + 8.7 for value in range(10)]
ALIKE = [1.4, 1.6, 1.9, 1.0, 1.2, 1.8, 1.7, 1.1, 1.5, 1.3]


def record(n: int = 1, rule: Rule = RULE) -> Looks:
    planned = plan_of(rule, n if rule.correction == "holm" else 1)
    return Looks(rule, tuple(Comparison("acktr", f"env{i}", "x", "y", planned) for i in range(n)))


def scores(*agents: list[float], seeds: int = 10, start: int = 0) -> dict[Any, Mapping[int, float]]:
    found: dict[Any, Mapping[int, float]] = {}
    for number, values in enumerate(agents):
        found["acktr", f"env{number}", "x"] = dict(enumerate(values[:seeds], start))
        found["a2c", f"env{number}", "y"] = dict(enumerate(LOW[:seeds], start))
    return found


def test_a_clear_difference_is_decided_at_the_first_look() -> None:
    (one,) = take_looks(record(), scores(HIGH), 7.0).comparisons
    assert one.decision == "higher"
    assert [(look.seeds, look.time, look.level) for look in one.looks] == [(5, 7.0, 0.05)]
    assert one.looks[0].scores == tuple(HIGH[:5])  # what came after is not looked at
    (worse,) = take_looks(record(), scores([-value for value in HIGH]), 0.0).comparisons
    assert worse.decision == "lower"


def test_without_a_difference_it_goes_on_to_the_last_look() -> None:
    (one,) = take_looks(record(), scores(ALIKE), 0.0).comparisons
    assert [look.seeds for look in one.looks] == [5, 7, 9, 10]
    assert [look.decision for look in one.looks] == ["open", "open", "open", "undecided"]
    spent = [look.spent for look in one.looks]
    assert spent == sorted(spent)
    assert spent[-1] <= 0.05


def test_a_look_waits_until_every_run_has_finished() -> None:
    before = record()
    some = scores(HIGH, seeds=5)
    del some["a2c", "env0", "y"][3]  # type: ignore[attr-defined]
    assert take_looks(before, some, 0.0) is before
    assert take_looks(before, scores(HIGH, seeds=4), 0.0) is before


def test_a_look_is_not_taken_again_and_cannot_be_undone() -> None:
    early = take_looks(record(), scores(ALIKE, seeds=5), 0.0)
    assert take_looks(early, scores(ALIKE, seeds=6), 1.0) is early
    changed = take_looks(early, scores([*HIGH[:5], *ALIKE[5:]]), 2.0).comparisons[0]
    assert changed.looks[0] == early.comparisons[0].looks[0]
    all_at_once = take_looks(record(), scores(ALIKE), 0.0).comparisons[0]
    bit_by_bit = record()
    for seeds in range(3, 11):
        bit_by_bit = take_looks(bit_by_bit, scores(ALIKE, seeds=seeds), 0.0)
    assert bit_by_bit.comparisons[0] == all_at_once


def test_the_first_seed_need_not_be_zero() -> None:
    from_ten = replace(RULE, start=10)
    assert take_looks(record(rule=from_ten), scores(HIGH), 0.0) == record(rule=from_ten)
    assert take_looks(record(rule=from_ten), scores(HIGH, start=10), 0.0).open == []


def test_holm_raises_the_level_of_what_is_left() -> None:
    taken = take_looks(record(3), scores(HIGH, ALIKE, HIGH, seeds=6), 0.0)
    assert [one.planned for one in taken.comparisons] == [plan_of(RULE, 3)] * 3
    levels = [one.looks[0].level for one in taken.comparisons]
    assert levels == pytest.approx([0.05 / 3, 0.05, 0.05 / 3])
    assert [one.decision for one in taken.comparisons] == ["higher", "open", "higher"]
    later = take_looks(taken, scores(HIGH, ALIKE, HIGH), 0.0)
    assert {look.level for look in later.comparisons[1].looks} == {0.05}


def test_without_a_correction_each_has_the_whole_level() -> None:
    alone = replace(RULE, correction="none")
    taken = take_looks(record(3, alone), scores(HIGH, ALIKE, HIGH), 0.0)
    assert {look.level for one in taken.comparisons for look in one.looks} == {0.05}


def test_agents_do_not_share_an_error_rate() -> None:
    two = record(1)
    other = replace(two.comparisons[0], agent="trpo")
    found = {**scores(ALIKE), ("trpo", "env0", "x"): dict(enumerate(HIGH))}
    taken = take_looks(replace(two, comparisons=(*two.comparisons, other)), found, 0.0)
    assert {look.level for one in taken.comparisons for look in one.looks} == {0.05}


def sweep(runs: Any, seeds: int = 5) -> None:
    for seed in range(seeds):
        runs.add([HIGH[seed]] * 120, agent="acktr", seed=seed)
        runs.add([LOW[seed]] * 120, agent="a2c", seed=seed)


def test_statistics_of_a_run(runs: Any) -> None:
    runs.add([18.7] * 10 + [9.7] * 100, agent="acktr")
    (setting,) = load_sweeps(runs.root, ["sweep"]).settings
    key = ("acktr", setting.env_id, "aaaaaaaa")
    assert scores_of([setting], "last100")[key] == {0: pytest.approx(9.7)}
    assert scores_of([setting], "best10")[key] == {0: pytest.approx(18.7)}
    assert 9.7 < scores_of([setting], "auc")[key][0] < 18.7


def test_the_mean_height_of_a_curve_by_hand(runs: Any) -> None:
    runs.add([4.0, 8.0], agent="acktr", length=2500)  # curve: 4 at 2500, 6 at 5000
    runs.add([], agent="a2c")
    a2c, acktr = load_sweeps(runs.root, ["sweep"]).settings
    assert scores_of([acktr], "auc")["acktr", acktr.env_id, "aaaaaaaa"][0] == pytest.approx(
        (2500 * 4 + 2500 * 5 + 5000 * 6) / 10_000
    )
    assert scores_of([a2c], "auc")["a2c", a2c.env_id, "aaaaaaaa"] == {}


def test_the_report_shows_the_looks(runs: Any) -> None:
    sweep(runs, seeds=5)
    runs.add([1.0] * 120, agent="a2c", seed=5)  # seeds differ by design: no warning
    env_id = "PongNoFrameskip-v4"
    comparison = Comparison("acktr", env_id, "aaaaaaaa", "aaaaaaaa", plan_of(RULE, 1))
    settings = load_sweeps(runs.root, ["sweep"]).settings
    taken = take_looks(Looks(RULE, (comparison,)), scores_of(settings, "last100"), 0.0)
    write_looks(runs.root / "sweep", taken)
    found = report(runs.root, ["sweep"])
    (row,) = found.sections["sequential"].records()
    assert (row["x"], row["y"], row["seeds"], row["decision"]) == ("acktr", "a2c", 5, "higher")
    assert row["p"] == pytest.approx(2 / 252)
    assert row["difference"] == pytest.approx(sum(HIGH[:5]) / 5 - sum(LOW[:5]) / 5)
    assert not any("unlike other rows" in warning for warning in found.warnings)
    assert any("seeds were added until decided" in warning for warning in found.warnings)
    (runs.root / "sweep" / "sequential.json").write_text("{}")
    damaged = report(runs.root, ["sweep"])
    assert "sequential" not in damaged.sections
    assert any("sequential.json: version is None" in warning for warning in damaged.warnings)


def test_no_table_without_a_look(runs: Any) -> None:
    sweep(runs, seeds=2)
    settings = load_sweeps(runs.root, ["sweep"]).settings
    assert find_looks(settings) == ({}, [])
    assert sequential_table({"sweep": record()}, settings) is None
