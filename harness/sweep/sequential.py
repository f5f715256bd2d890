"""Sequential seeds: what a sweep registers before its first look, and which of its runs are wanted by now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.looks import FILE, Comparison, Looks, Rule, read_looks
from harness.spec import RunSpec, SpecError
from harness.sweep.document import SeedsUntilDecided, SweepSpec
from harness.sweep.problems import did_you_mean
from harness.yaml_source import Document

if TYPE_CHECKING:
    from harness.sweep.expand import Sweep

Setting = tuple[str, str, str]
"""Label, environment and identity."""


def rule_of(spec: SweepSpec, runs: Sequence[RunSpec], document: Document) -> Rule | None:
    """The rule that a sweep's file states; ``None`` where its seeds are not ``until: decided``.

    Raises:
        SpecError: one of ``seeds`` and ``comparison`` without the other, no such baseline, a baseline of
            several settings, or nothing to compare with it.
    """
    seeds, comparison = spec.seeds, spec.comparison
    if not isinstance(seeds, SeedsUntilDecided):
        if comparison is not None:
            raise document.error(
                ("comparison",), "expected only beside seeds: {min: 3, max: 10, until: decided}"
            )
        return None
    if comparison is None:
        raise document.error(("seeds", "until"), "expected a key 'comparison' beside it: {baseline: AGENT}")
    if seeds.min > seeds.max:
        raise document.error(("seeds", "max"), f"expected at least min ({seeds.min}), got {seeds.max}")
    where = ("comparison", "baseline")
    labels = list(spec.algo_blocks())
    if comparison.baseline not in labels:
        raise document.error(
            where,
            f"expected one of {', '.join(labels)}, got {comparison.baseline!r}"
            + did_you_mean(comparison.baseline, labels),
        )
    if len(labels) == 1:
        raise document.error(where, f"expected an agent beside {comparison.baseline!r} to compare with it")
    settings = {(run.label, run.env_id, run.identity) for run in runs}
    most = max(Counter(env_id for label, env_id, _ in settings if label == comparison.baseline).values())
    if most > 1:
        raise document.error(
            where, f"expected an agent with one setting per environment, got one with {most} of a grid"
        )
    return Rule(**comparison.model_dump(), start=seeds.start, min=seeds.min, max=seeds.max, step=seeds.step)


def register(sweep: Sweep, record: Looks | None, plan: Callable[[int], tuple[int, ...]]) -> Looks:
    """The record of ``sweep`` as it goes on: what was looked at stays, what is new is added.

    Args:
        sweep: with a rule.
        record: what :func:`harness.looks.read_looks` found.
        plan: seeds per agent at each look, given how many comparisons share the error rate.

    Raises:
        SpecError: the rule, or the comparisons that share an error rate with one looked at, have changed.
    """
    assert sweep.sequential is not None
    before = {one.key: one for one in record.comparisons if one.looks} if record else {}
    if record is not None and before:
        _refuse_other_rule(sweep.name, record.rule, sweep.sequential)
    keys = _keys(sweep.runs, sweep.sequential.baseline)
    shared = sweep.sequential.correction == "holm"
    looked_at = {agent for agent, *_ in before} if shared else set()
    if record is not None:
        registered = {one.key for one in record.comparisons if one.agent in looked_at}
        changed = registered ^ {key for key in keys if key[0] in looked_at}
        if changed:
            agent, env_id, *_ = min(changed)
            raise SpecError(
                f"sweep {sweep.name}: {agent} on {env_id}: expected the settings that were registered before "
                f"the first look (see {FILE} of the sweep), since they share an error rate; give a changed "
                "sweep another name"
            )
    family = Counter(agent for agent, *_ in keys)
    comparisons = [
        before.get(key) or Comparison(*key, planned=plan(family[key[0]] if shared else 1)) for key in keys
    ]
    dropped = [one for key, one in before.items() if key not in keys]
    return Looks(sweep.sequential, (*comparisons, *dropped))


def wanted_runs(sweep: Sweep, record: Looks | None) -> tuple[RunSpec, ...]:
    """The runs that ``sweep`` needs by now, in its order: all of them, unless its seeds are sequential.

    Before anything is registered these are the first ``min`` seeds.
    """
    if sweep.sequential is None:
        return sweep.runs
    rule, needed = sweep.sequential, dict[Setting, int]()
    keys = set(_keys(sweep.runs, rule.baseline))
    for one in record.comparisons if record else ():
        if one.key in keys:
            for setting in sides(one, rule.baseline):
                needed[setting] = max(needed.get(setting, 0), one.needed)
    return tuple(
        run
        for run in sweep.runs
        if run.seed - rule.start < needed.get((run.label, run.env_id, run.identity), rule.min)
    )


def runs_wanted_now(sweep: Sweep, runs_dir: Path) -> Sweep:
    """``sweep`` with the runs alone that it needs by now, as its record has it."""
    if sweep.sequential is None:
        return sweep
    return replace(sweep, runs=wanted_runs(sweep, read_looks(runs_dir / sweep.name)))


def sides(comparison: Comparison, baseline: str) -> tuple[Setting, Setting]:
    """The settings of the agent and of the baseline."""
    return (
        (comparison.agent, comparison.env_id, comparison.identity),
        (baseline, comparison.env_id, comparison.baseline_identity),
    )


def _keys(runs: Sequence[RunSpec], baseline: str) -> list[tuple[str, str, str, str]]:
    settings = dict.fromkeys((run.label, run.env_id, run.identity) for run in runs)
    of_baseline = {env_id: identity for label, env_id, identity in settings if label == baseline}
    return [
        (label, env_id, identity, of_baseline[env_id])
        for label, env_id, identity in settings
        if label != baseline
    ]


def _refuse_other_rule(name: str, registered: Rule, written: Rule) -> None:
    now = asdict(written)
    for key, value in asdict(registered).items():
        if now[key] != value:
            where = f"seeds.{key}" if key in ("start", "min", "max", "step") else f"comparison.{key}"
            raise SpecError(
                f"sweep {name}: {where}: expected {value!r} as registered before the first look (see {FILE} "
                f"of the sweep), got {now[key]!r}; give a changed sweep another name"
            )
