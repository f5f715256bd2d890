"""Verdicts on the paper's claims: reproduced, contradicted, inconclusive or not run.

The rules, in the order in which they are asked:

1. **Not run**: no run that the claim needs has trained a timestep.
2. **Inconclusive** whatever the numbers are, on an environment where a run is missing, unfinished or failed;
   where the budget is below the claim's (a smaller budget is never compared as if it were equal) or above it
   (step sizes follow the budget), unless the claim's text holds at any budget; where another agent stands in
   for the paper's; where the environment was played under another protocol, or not alike by the agents; where
   fewer than 5 seeds of an agent (3 of an N/A) allow no interval; where a speed was timed beside other runs
   of its sweep. A number that depends on the machine is never held against another machine's.
3. A **direction** says in which region its statistic lies. On one environment it holds where the interval
   lies inside, fails where it lies outside, and is open else. A claim about at least k of n environments is
   reproduced where k hold, contradicted where n - k + 1 fail. It holds at the confidence
   1 - 0.05 / (n - k + 1) and fails at 1 - 0.05 / k (Bonferroni's for a partial conjunction), so that the
   claim as a whole is wrongly called either with at most 5 %.
4. A **value** is reproduced where the 95 % interval of the mean measured lies within 25 % of the paper's
   number, and contradicted where the mean measured is further away than both that and the seeds' noise
   explain: the interval is widened to one for the mean of as many seeds as the paper had, taken to vary as
   those here do. So the paper's own noise makes a number harder to contradict, never easier to reproduce.
   What 25 % is taken of says :func:`analysis.paper.tolerance.tolerance`.
5. A **time to a level** that some seed never reached has no mean. It is contradicted where no seed reached
   the level, and so many were run that chance would put all of the paper's before them with less than 5 %.
   The paper's **N/A** is reproduced where the fraction of seeds that reach the level is shown to be so small
   that a table of as many seeds as the paper's would rather print N/A than a number, and contradicted where
   it is shown to be larger.

With the mean and the spread of the seeds the same, fewer seeds or a smaller budget can only turn a verdict
into inconclusive. Each claim is judged by itself: among two hundred, some come out wrong by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.formats import short_env_id, timesteps_text
from analysis.paper.effects import Effect
from analysis.paper.evidence import Finding
from analysis.paper.more_seeds import needs_text, seeds_all_later
from analysis.paper.power import for_region, for_value
from analysis.paper.schema import Claim, Region
from analysis.paper.statistics import STATISTICS
from analysis.paper.tolerance import tolerance
from analysis.paper.wording import interval_in, number_in, region_text
from analysis.statistics.intervals import MIN_RUNS_PER_TASK, Interval
from analysis.statistics.survival import fraction_reached

ALPHA = 0.05
BUDGET_TOLERANCE = 0.01
Outcome = Literal["reproduced", "contradicted", "inconclusive", "not run"]
OUTCOMES: tuple[Outcome, ...] = ("reproduced", "contradicted", "inconclusive", "not run")
Standing = Literal["holds", "fails", "open"]
MAX_REASONS = 3


@dataclass(frozen=True)
class Verdict:
    """What the runs say about a claim.

    Attributes:
        claim: the claim.
        outcome: the verdict.
        why: in a sentence; of an inconclusive one, what would decide it.
        found: what it rests on.
        measured: the statistic with its 95 % interval, of a claim about one environment or a joint one.
        seeds: of the agent with the fewest, None where nothing was measured.
        timesteps: smallest budget of the runs, None where nothing was measured.
        more_seeds: seeds per agent that would decide it, None where more seeds would not, or it is decided.
        standings: of a direction, how it stands on each environment.
    """

    claim: Claim
    outcome: Outcome
    why: str
    found: tuple[Finding, ...]
    measured: Interval | None = None
    seeds: int | None = None
    timesteps: int | None = None
    more_seeds: int | None = None
    standings: tuple[Standing, ...] = ()


@dataclass(frozen=True)
class _Answer:
    standing: Standing
    why: str
    more_seeds: int | None = None


def judge(claim: Claim, found: Sequence[Finding]) -> Verdict:
    """The verdict on a claim, by the rules above.

    Args:
        claim: the claim.
        found: :func:`analysis.paper.evidence.findings` of it.
    """
    if not any(one.trained for one in found):
        return Verdict(claim, "not run", f"no run of {_agents(claim, found)}", tuple(found))
    if claim.kind == "value" or len(found) == 1:
        return _single(claim, found[0])
    needed = len(found) if claim.quorum is None else claim.quorum
    sure_of_holding = 1.0 - ALPHA / (len(found) - needed + 1)
    sure_of_failing = 1.0 - ALPHA / needed
    answers = [_direction(claim, one, sure_of_holding, sure_of_failing) for one in found]
    standings = tuple(answer.standing for answer in answers)
    holding, failing = standings.count("holds"), standings.count("fails")
    why = f"holds on {holding} of {len(found)}, fails on {failing}"
    why += "" if needed == len(found) else f", {needed} asked for"
    outcome: Outcome = "inconclusive"
    if holding >= needed:
        outcome = "reproduced"
    elif failing > len(found) - needed:
        outcome = "contradicted"
    else:
        why += f". {_open(found, answers)}"
    measured = [one for one in found if one.effect is not None]
    more = [answer.more_seeds for answer in answers if answer.more_seeds is not None]
    return Verdict(
        claim,
        outcome,
        why,
        tuple(found),
        seeds=min((one.effect.seeds for one in measured if one.effect), default=None),
        timesteps=min((one.timesteps for one in measured), default=None),
        more_seeds=max(more) if more and outcome == "inconclusive" else None,
        standings=standings,
    )


def _single(claim: Claim, one: Finding) -> Verdict:
    usual = 1.0 - ALPHA
    answer = _value(claim, one) if claim.kind == "value" else _direction(claim, one, usual, usual)
    outcomes: dict[Standing, Outcome] = {
        "holds": "reproduced",
        "fails": "contradicted",
        "open": "inconclusive",
    }
    return Verdict(
        claim,
        outcomes[answer.standing],
        answer.why,
        (one,),
        measured=one.effect.at(0.95) if one.effect else None,
        seeds=one.effect.seeds if one.effect else None,
        timesteps=one.timesteps if one.effect else None,
        more_seeds=answer.more_seeds,
        standings=(answer.standing,) if claim.kind == "direction" else (),
    )


def _obstacle(claim: Claim, one: Finding) -> str:
    """Why no number may decide; "" where one may."""
    if one.effect is None:
        return one.missing
    least = claim.least if claim.any_budget else claim.budget
    if one.timesteps < least * (1.0 - BUDGET_TOLERANCE):
        return f"needs {timesteps_text(least)} timesteps, has {timesteps_text(one.timesteps)}"
    if not claim.any_budget and one.most > claim.budget * (1.0 + BUDGET_TOLERANCE):
        given, asked = timesteps_text(one.most), timesteps_text(claim.budget)
        return f"needs runs made for {asked} timesteps, has {given}"
    if one.stand_in or one.played:
        return one.stand_in or one.played
    return "the paper's machine is another; ratios can be compared" if claim.machine else one.crowded


def _direction(claim: Claim, one: Finding, sure_of_holding: float, sure_of_failing: float) -> _Answer:
    obstacle = _obstacle(claim, one)
    if obstacle or one.effect is None:
        return _Answer("open", obstacle)
    assert claim.region is not None
    unit = STATISTICS[claim.statistic].unit
    usual = one.effect.at(0.95)
    if usual.low is None:
        return _Answer("open", _lacking(one, one.effect, usual.missing))
    where = f"{interval_in(unit, usual)}, claimed {region_text(unit, claim.region)}"
    if claim.any_budget and one.timesteps < claim.budget * (1.0 - BUDGET_TOLERANCE):
        where += f" (at {timesteps_text(one.timesteps)} timesteps)"
    if _inside(one.effect.at(sure_of_holding), claim.region):
        return _Answer("holds", where)
    if _outside(one.effect.at(sure_of_failing), claim.region):
        return _Answer("fails", where)
    more = for_region(one.effect, claim.region, max(sure_of_holding, sure_of_failing))
    return _Answer("open", f"{where}: {_seeds_text(more)}", more)


def _inside(interval: Interval, region: Region) -> bool:
    low, high = interval.low, interval.high
    if low is None or high is None:
        return False
    return low >= region.low and high <= region.high and high > region.low and low < region.high


def _outside(interval: Interval, region: Region) -> bool:
    low, high = interval.low, interval.high
    return low is not None and high is not None and (high <= region.low or low >= region.high)


def _value(claim: Claim, one: Finding) -> _Answer:
    obstacle = _obstacle(claim, one)
    if obstacle or one.effect is None:
        return _Answer("open", obstacle)
    if claim.paper is None:
        return _not_reached(claim, one, one.effect)
    interval = one.effect.at(0.95)
    if one.effect.reached == 0:
        enough = seeds_all_later(claim.seeds, ALPHA)
        why = f"none of {one.effect.seeds} seeds reached the level"
        if one.effect.seeds >= enough:
            return _Answer("fails", why)
        return _Answer("open", f"{why}; {needs_text(enough, one.effect.seeds, one.seeds)}", enough)
    if interval.low is None or interval.high is None:
        return _Answer("open", _lacking(one, one.effect, interval.missing))
    allowed = tolerance(claim)
    away = abs(interval.estimate - claim.paper)
    towards = interval.high if claim.paper > interval.estimate else interval.low
    noise = abs(towards - interval.estimate) * math.sqrt(1.0 + one.effect.seeds / claim.seeds)
    if claim.paper - allowed <= interval.low and interval.high <= claim.paper + allowed:
        return _Answer(
            "holds", f"within {number_in(STATISTICS[claim.statistic].unit, allowed)} of the paper's"
        )
    if away > allowed and away > noise:
        side = "higher" if interval.estimate > claim.paper else "lower"
        return _Answer("fails", f"{side} than the paper's by more than 25 % and the noise of the seeds")
    more = for_value(one.effect, claim.paper, allowed, claim.seeds)
    return _Answer("open", _seeds_text(more, claim.seeds), more)


def _not_reached(claim: Claim, one: Finding, effect: Effect) -> _Answer:
    """The paper's N/A: not every one of its seeds reached the level."""
    assert effect.reached is not None
    fraction = fraction_reached(effect.reached, effect.seeds)
    limit = 0.5 ** (1.0 / claim.seeds)
    counts = f"{effect.reached} of {effect.seeds} seeds reached the level"
    if fraction.low is None or fraction.high is None:
        return _Answer("open", f"{counts}; {needs_text(MIN_RUNS_PER_TASK, effect.seeds, one.seeds)}")
    if fraction.high < limit:
        return _Answer("holds", counts)
    if fraction.low > limit:
        return _Answer("fails", counts)
    return _Answer("open", f"{counts}: more seeds would tell")


def _lacking(one: Finding, effect: Effect, missing: str) -> str:
    """Why there is no interval: too few seeds, and how to add some, or what more of them would not change."""
    if effect.seeds >= effect.needs or (effect.reached or effect.seeds) < effect.seeds:
        return missing
    return needs_text(effect.needs, effect.seeds, one.seeds)


def _seeds_text(more: int | None, paper_seeds: int | None = None) -> str:
    if more is not None:
        return f"about {more:,} seeds would decide"
    if paper_seeds is not None:
        seeds = "seed leaves" if paper_seeds == 1 else f"{paper_seeds} seeds leave"
        return f"the paper's own {seeds} it open at this spread of the seeds"
    return "too near the edge for any number of seeds to decide"


def _open(found: Sequence[Finding], answers: Sequence[_Answer]) -> str:
    """What is open on which environments, the most common reason first."""
    places: dict[str, list[str]] = {}
    for one, answer in zip(found, answers, strict=True):
        if answer.standing == "open":
            places.setdefault(answer.why, []).append(short_env_id(one.env_id).removesuffix("-v5"))
    ordered = sorted(places.items(), key=lambda item: -len(item[1]))
    parts = [f"{_names(names)}: {reason}" for reason, names in ordered[:MAX_REASONS]]
    more = sum(len(names) for _, names in ordered[MAX_REASONS:])
    return "; ".join(parts) + (f"; {more} more open" if more else "")


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _agents(claim: Claim, found: Sequence[Finding]) -> str:
    labels = dict.fromkeys(label for one in found for label in one.labels)
    envs = [short_env_id(env_id).removesuffix("-v5") for env_id in claim.envs]
    return f"{', '.join(labels)} on {_names(envs)}"
