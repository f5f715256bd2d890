"""The rules for verdicts, on effects made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.paper.effects import Effect, geometric_mean, least, quotient
from analysis.paper.evidence import Finding
from analysis.paper.schema import Claim
from analysis.paper.verdicts import Verdict, judge
from analysis.statistics.intervals import Interval
from analysis.statistics.means import mean_interval
from analysis.statistics.quantiles import student_quantile

BUDGET = 1_000_000


def value(paper: float | None, **more: Any) -> Claim:
    content = {"kind": "value", "statistic": "episodes_saved", "envs": ["Pong"], "paper": paper, "seeds": 2}
    return _claim(**content | more)


def direction(envs: int = 1, low: float = 0.0, **more: Any) -> Claim:
    games = ["Pong", "Breakout", "Qbert", "Seaquest", "BeamRider", "SpaceInvaders"][:envs]
    content = {"kind": "direction", "statistic": "score_difference", "envs": games, "region": {"low": low}}
    return _claim(**content | {"seeds": 2} | more)


def _claim(**content: Any) -> Claim:
    common = {"id": "x", "place": "here", "says": "so", "agents": ["acktr", "a2c"], "sweep": "atari6"}
    return Claim.model_validate(common | {"budget": BUDGET} | content)


def spread(mean: float, deviation: float, seeds: int) -> Effect:
    """Seeds with exactly this mean and standard deviation."""

    def at(confidence: float) -> Interval:
        if seeds < 3:
            return Interval(mean, None, None, confidence, f"no honest interval from {seeds}")
        half = student_quantile(0.5 + 0.5 * confidence, seeds - 1) * deviation / math.sqrt(seeds)
        return Interval(mean, mean - half, mean + half, confidence)

    return Effect(at, seeds)


def finding(effect: Effect | None, **more: Any) -> Finding:
    content: dict[str, Any] = {"env_id": "PongNoFrameskip-v4", "labels": ("acktr", "a2c"), "trained": True}
    budgets = {"timesteps": BUDGET, "most": BUDGET}
    return Finding(effect=effect, **content | budgets | more)


def verdict(claim: Claim, *effects: Effect) -> Verdict:
    return judge(claim, [finding(effect) for effect in effects])


def test_a_value_is_reproduced_contradicted_or_open() -> None:
    assert verdict(value(100.0), spread(101.0, 5.0, 5)).outcome == "reproduced"
    assert verdict(value(100.0), spread(200.0, 5.0, 5)).outcome == "contradicted"
    far = verdict(value(100.0), spread(200.0, 5.0, 5))
    assert far.why.startswith("higher than the paper's")
    wide = verdict(value(100.0), spread(101.0, 40.0, 4))
    assert wide.outcome == "inconclusive"
    assert wide.more_seeds is not None
    assert wide.more_seeds > 4
    assert f"about {wide.more_seeds} seeds" in wide.why


def test_so_many_more_seeds_would_decide_a_value() -> None:
    wide = verdict(value(100.0), spread(101.0, 40.0, 4))
    assert wide.more_seeds is not None
    assert verdict(value(100.0), spread(101.0, 40.0, wide.more_seeds)).outcome == "reproduced"


def test_the_papers_own_noise_can_leave_a_value_open_for_ever() -> None:
    found = verdict(value(100.0), spread(140.0, 40.0, 50))
    assert found.outcome == "inconclusive"
    assert found.more_seeds is None
    assert "the paper's own 2 seeds leave it open" in found.why
    assert verdict(value(100.0, seeds=200), spread(140.0, 40.0, 50)).outcome == "contradicted"


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_decide_nothing(seeds: int) -> None:
    for claim, mean in ((value(100.0), 100.0), (value(100.0), 900.0), (direction(), 900.0)):
        found = verdict(claim, spread(mean, 0.0, seeds))
        assert found.outcome == "inconclusive"
        assert found.why == f"needs at least 3 seeds, has {seeds}"


@pytest.mark.parametrize(
    ("have", "option"),
    [((0, 1), "--set seeds=5"), ((5, 6), "--set seeds=[5,6,7,8,9]"), ((3,), "--set seeds=[3,4,5,6,7]")],
)
def test_a_mean_of_too_few_seeds_says_which_option_adds_them(have: tuple[int, ...], option: str) -> None:
    one = finding(replace(spread(100.0, 5.0, len(have)), needs=5), seeds=have)
    found = judge(value(100.0), [one])
    assert found.outcome == "inconclusive"
    assert found.why == f"needs at least 5 seeds, has {len(have)}: {option}"


def test_what_would_decide_a_time_that_no_seed_reached() -> None:
    """By chance the paper's 2 seeds come before 5 others once in 21, and its 1 before 20 others too."""
    missing = Interval(math.nan, None, None, 0.95, "no seed")
    for paper_seeds, enough in ((1, 20), (2, 5), (3, 4)):
        effect = Effect(lambda confidence: missing, 2, reached=0, needs=5)
        found = judge(value(100.0, seeds=paper_seeds), [finding(effect, seeds=(0, 1))])
        option = f"needs at least {enough} seeds, has 2: --set seeds={enough}"
        assert (found.why, found.more_seeds) == (f"none of 2 seeds reached the level; {option}", enough)


def test_more_seeds_give_no_mean_where_some_do_not_reach_the_level() -> None:
    missing = Interval(1.0, None, None, 0.95, "1 of 2 seeds reached the level")
    effect = Effect(lambda confidence: missing, 2, reached=1, needs=5)
    assert judge(value(100.0), [finding(effect, seeds=(0, 1))]).why == "1 of 2 seeds reached the level"


@given(
    mean=st.floats(1.0, 300.0),
    deviation=st.floats(0.0, 100.0),
    seeds=st.integers(1, 30),
    fewer=st.integers(1, 29),
    paper_seeds=st.integers(1, 8),
)
def test_fewer_seeds_decide_nothing_that_more_do_not(
    mean: float, deviation: float, seeds: int, fewer: int, paper_seeds: int
) -> None:
    fewer = min(fewer, seeds)
    for claim in (value(100.0, seeds=paper_seeds), direction(low=100.0)):
        more, less = (verdict(claim, spread(mean, deviation, n)).outcome for n in (seeds, fewer))
        assert less in (more, "inconclusive")


@given(mean=st.floats(-300.0, 300.0), seeds=st.integers(1, 30), share=st.floats(0.0001, 0.98))
def test_a_smaller_budget_decides_nothing(mean: float, seeds: int, share: float) -> None:
    small = int(BUDGET * share)
    effect = spread(mean, 1.0, seeds)
    for claim in (value(100.0), value(None), direction(), direction(low=-1e9)):
        one = finding(Effect(effect.at, seeds, reached=0), timesteps=small, most=small)
        found = judge(claim, [one])
        assert found.outcome == "inconclusive"
        assert found.why.startswith("needs 1M timesteps, has")


def test_a_larger_budget_is_not_the_same_either() -> None:
    one = finding(spread(100.0, 1.0, 5), timesteps=5 * BUDGET, most=5 * BUDGET)
    found = judge(value(100.0), [one])
    assert (found.outcome, found.why) == ("inconclusive", "needs runs made for 1M timesteps, has 5M")


def test_a_claim_about_any_budget_is_judged_at_a_smaller_one_and_says_so() -> None:
    claim = direction(any_budget=True, least=100_000)
    at = {
        size: judge(claim, [finding(spread(5.0, 1.0, 5), timesteps=size, most=size)])
        for size in (99_000, 300_000)
    }
    assert at[99_000].outcome == "reproduced"  # within 1 % of the least
    assert at[300_000].outcome == "reproduced"
    assert "(at 300k timesteps)" in at[300_000].why
    tiny = judge(claim, [finding(spread(5.0, 1.0, 5), timesteps=5_000, most=5_000)])
    assert (tiny.outcome, tiny.why) == ("inconclusive", "needs 100k timesteps, has 5k")


def test_nothing_trained_is_not_run_and_something_missing_is_open() -> None:
    nothing = Finding("PongNoFrameskip-v4", labels=("acktr", "a2c"), missing="a2c on Pong: no run")
    assert judge(value(1.0), [nothing]).outcome == "not run"
    assert judge(value(1.0), [nothing]).why == "no run of acktr, a2c on Pong"
    half = finding(None, missing="a2c on Pong: no run")
    assert (judge(value(1.0), [half]).outcome, judge(value(1.0), [half]).why) == (
        "inconclusive",
        "a2c on Pong: no run",
    )
    assert judge(direction(2), [nothing, finding(spread(5.0, 1.0, 5))]).outcome == "inconclusive"


def test_a_stand_in_a_crowd_and_another_machine_decide_nothing() -> None:
    one = finding(spread(100.0, 1.0, 5), stand_in="trpo-2048 stands in for trpo")
    assert judge(value(100.0), [one]).outcome == "inconclusive"
    assert judge(direction(), [one]).outcome == "inconclusive"
    beside = finding(spread(100.0, 1.0, 5), crowded="timed beside others")
    for claim in (value(100.0), direction()):
        assert (judge(claim, [beside]).outcome, judge(claim, [beside]).why) == (
            "inconclusive",
            "timed beside others",
        )
    found = verdict(value(100.0, machine=True), spread(100.0, 1.0, 5))
    assert found.outcome == "inconclusive"
    assert "machine" in found.why
    assert found.measured is not None


def test_a_direction_on_one_environment() -> None:
    assert verdict(direction(), spread(5.0, 1.0, 5)).outcome == "reproduced"
    assert verdict(direction(), spread(-5.0, 1.0, 5)).outcome == "contradicted"
    found = verdict(direction(), spread(0.5, 1.0, 5))
    assert found.outcome == "inconclusive"
    assert found.more_seeds == pytest.approx(33, abs=3)  # an effect of half a standard deviation, 80 % power
    assert found.measured is not None


def test_no_difference_at_all_is_no_improvement() -> None:
    assert verdict(direction(), spread(0.0, 0.0, 5)).outcome == "contradicted"


def test_both_ends_of_a_region_count() -> None:
    claim = direction(region={"low": 0.5, "high": 2.0})
    assert verdict(claim, spread(1.0, 0.1, 5)).outcome == "reproduced"
    assert verdict(claim, spread(3.0, 0.1, 5)).outcome == "contradicted"
    assert verdict(claim, spread(1.9, 0.2, 5)).outcome == "inconclusive"


def test_a_quorum_of_environments() -> None:
    better, worse, unclear = spread(9.0, 1.0, 5), spread(-9.0, 1.0, 5), spread(0.1, 1.0, 5)
    claim = direction(6, quorum=4)
    assert verdict(claim, better, better, better, better, worse, worse).outcome == "reproduced"
    assert verdict(claim, better, better, better, worse, worse, worse).outcome == "contradicted"
    found = verdict(claim, better, better, better, unclear, worse, worse)
    assert found.outcome == "inconclusive"
    assert found.standings == ("holds", "holds", "holds", "open", "fails", "fails")
    assert "holds on 3 of 6, fails on 2, 4 asked for" in found.why
    assert verdict(direction(2), better, better).outcome == "reproduced"
    assert verdict(direction(2), better, worse).outcome == "contradicted"


def test_the_more_environments_may_fail_the_surer_each_must_be() -> None:
    """One of six is reached by chance more easily than one of one."""
    weak, nothing = spread(1.3, 1.0, 5), spread(0.0, 1.0, 5)
    assert verdict(direction(), weak).outcome == "reproduced"
    assert verdict(direction(6, quorum=1), weak, *[nothing] * 5).outcome == "inconclusive"


def test_the_papers_not_available() -> None:
    def reached(count: int, seeds: int) -> str:
        return verdict(value(None), Effect(spread(1.0, 1.0, seeds).at, seeds, reached=count)).outcome

    assert reached(0, 3) == "reproduced"
    assert reached(0, 2) == "inconclusive"
    assert reached(2, 5) == "inconclusive"
    assert reached(5, 5) == "inconclusive"
    assert reached(12, 12) == "contradicted"


def test_a_time_that_no_seed_reached() -> None:
    def never(seeds: int) -> Verdict:
        missing = Interval(math.nan, None, None, 0.95, f"0 of {seeds} seeds reached the level")
        return verdict(value(100.0), Effect(lambda confidence: missing, seeds, reached=0))

    assert never(4).outcome == "inconclusive"  # chance puts 2 before 4 others once in 15
    assert never(5).outcome == "contradicted"  # and before 5 once in 21
    assert never(4).why == "none of 4 seeds reached the level; needs at least 5 seeds, has 4"
    assert never(4).more_seeds == 5


def test_the_least_advantage_counts() -> None:
    both = least([spread(5.0, 1.0, 4), spread(2.0, 1.0, 3)])
    single = spread(2.0, 1.0, 3).at(0.95)
    assert both.seeds == 3
    found = both.at(0.95)
    assert (found.estimate, found.low) == (2.0, single.low)
    assert least([spread(5.0, 1.0, 4), spread(2.0, 1.0, 2)]).at(0.95).low is None


def test_ratios_combine_on_the_logarithm() -> None:
    def ratio(centre: float, factor: float) -> Effect:
        return Effect(lambda c: Interval(centre, centre / factor, centre * factor, c), 3, groups=2)

    mean = geometric_mean([ratio(2.0, 1.5), ratio(8.0, 1.5)]).at(0.95)
    assert mean.estimate == pytest.approx(4.0)
    assert mean.high == pytest.approx(4.0 * math.exp(math.log(1.5) / math.sqrt(2)))
    of_ratios = quotient(ratio(6.0, 1.5), ratio(2.0, 1.2)).at(0.95)
    assert of_ratios.estimate == pytest.approx(3.0)
    assert of_ratios.low == pytest.approx(3.0 * math.exp(-math.hypot(math.log(1.5), math.log(1.2))))
    endless = Effect(lambda c: Interval(3.0, 1.0, math.inf, c), 3, groups=2)
    assert geometric_mean([ratio(2.0, 1.5), endless]).at(0.95).high == math.inf


def test_a_value_at_95_percent_is_seldom_contradicted_by_its_own_distribution() -> None:
    """2 seeds of the paper's and 5 here from one distribution: a false contradiction in at most 5 %."""
    generator = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        paper, here = generator.normal(100.0, 30.0, 2).mean(), generator.normal(100.0, 30.0, 5)
        effect = Effect(lambda confidence, here=here: mean_interval(here, confidence), 5)
        wrong += verdict(value(float(paper)), effect).outcome == "contradicted"
    assert wrong / 200 <= 0.05
