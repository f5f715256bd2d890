"""What of a sweep is to be run next: all of it, or with sequential seeds what its comparisons still need."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.commands.output import counted

if TYPE_CHECKING:
    from analysis.looks import Scores
    from harness.looks import Looks
    from harness.sweep.expand import Sweep
    from harness.sweep.plan import Plan

N_SHOWN = 10


@dataclass(frozen=True)
class Stage:
    """Where a sweep stands.

    Attributes:
        plan: the runs that are wanted by now.
        at_most: the same, were no comparison decided before its last look; equal to ``plan`` where the seeds
            are not sequential.
        record: looks taken; None where the seeds are not sequential.
        new: a line per look that was due and not taken yet.
        waiting: a line per open comparison whose next look lacks a finished run.
    """

    plan: Plan
    at_most: Plan
    record: Looks | None = None
    new: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    def write(self, directory: Path) -> None:
        """Note the looks in the sweep's ``directory``. To be called under the sweep's lock.

        Raises:
            SpecError: it cannot be written.
        """
        from harness.looks import FILE, read_looks, write_looks
        from harness.spec import SpecError

        if self.record is not None and self.record != read_looks(directory):
            try:
                write_looks(directory, self.record)
            except OSError as error:
                raise SpecError(f"{directory / FILE}: cannot be written ({error.strerror})") from None

    def summary(self) -> str:
        """``4 comparisons: 1 decided, 3 open, next look at 7 seeds``; "" without sequential seeds."""
        if self.record is None:
            return ""
        decisions = [one.decision for one in self.record.comparisons]
        counts = {
            "decided": decisions.count("higher") + decisions.count("lower"),
            "open": decisions.count("open"),
            "undecided at the last look": decisions.count("undecided"),
        }
        parts = [f"{count} {name}" for name, count in counts.items() if count]
        coming = sorted({one.needed for one in self.record.open})
        after = f", next look at {', '.join(map(str, coming))} seeds" if coming else ""
        return f"{counted(len(decisions), 'comparison')}: {', '.join(parts)}{after}"


def next_stage(content: Sweep, runs_dir: Path) -> Stage:
    """Where ``content`` stands, looks that are due included. Reads, and writes nothing.

    Raises:
        SpecError: the file no longer says what was registered before the first look, or ``seeds.max`` is too
            small to decide anything.
    """
    from harness.looks import read_looks
    from harness.sweep.plan import make_plan
    from harness.sweep.sequential import register, wanted_runs

    whole = make_plan(content.runs, runs_dir, content.name)
    if content.sequential is None:
        return Stage(whole, whole)
    from analysis.looks import take_looks

    before = register(content, read_looks(runs_dir / content.name), lambda sharing: _plan(content, sharing))
    scores = _scores(content, runs_dir)
    record = take_looks(before, scores, time.time())

    def only(wanted: Looks) -> Plan:
        names = {(run.label, run.env_id, run.identity, run.seed) for run in wanted_runs(content, wanted)}
        runs = (
            run
            for run in whole.runs
            if (run.spec.label, run.spec.env_id, run.spec.identity, run.spec.seed) in names
        )
        return replace(whole, runs=tuple(runs))

    to_the_end = tuple(
        replace(one, planned=(one.planned[-1],), looks=()) if one.decision == "open" else one
        for one in record.comparisons
    )
    return Stage(
        plan=only(record),
        at_most=only(replace(record, comparisons=to_the_end)),
        record=record,
        new=tuple(_new_looks(before, record)),
        waiting=tuple(_waiting(record, scores)),
    )


def print_stage(stage: Stage) -> None:
    """Print the looks that were due, and how many comparisons are open."""
    if stage.record is None:
        return
    for line in stage.new[:N_SHOWN]:
        typer.echo(line)
    if len(stage.new) > N_SHOWN:
        typer.echo(f"{len(stage.new) - N_SHOWN} more looks (harness report shows all)")
    typer.echo(stage.summary())


def print_waiting(stage: Stage) -> None:
    """Print which looks cannot be taken though nothing is left to run."""
    for line in stage.waiting[:N_SHOWN]:
        typer.echo(line)
    if len(stage.waiting) > N_SHOWN:
        typer.echo(f"{len(stage.waiting) - N_SHOWN} more comparisons wait for runs")


def _plan(content: Sweep, sharing: int) -> tuple[int, ...]:
    from analysis.looks import plan_of
    from harness.spec import SpecError

    assert content.sequential is not None
    rule = content.sequential
    looks = plan_of(rule, sharing)
    if not looks:
        enough = next(most for most in range(rule.max, 1000) if plan_of(replace(rule, max=most), sharing))
        shared = f" over {sharing} comparisons" if sharing > 1 else ""
        raise SpecError(
            f"sweep {content.name}: seeds.max: expected at least {enough}, got {rule.max}; so few decide "
            f"nothing at alpha {rule.alpha:g}{shared}"
        )
    return looks


def _scores(content: Sweep, runs_dir: Path) -> Scores:
    from analysis.load import SweepError, load_sweeps
    from analysis.looks import scores_of

    assert content.sequential is not None
    try:
        loaded = load_sweeps(runs_dir, [content.name])
    except SweepError:  # nothing there yet
        return {}
    return scores_of(loaded.settings, content.sequential.statistic)


def _new_looks(before: Looks, after: Looks) -> list[str]:
    taken = {one.key: len(one.looks) for one in before.comparisons}
    lines = []
    for one in after.comparisons:
        for look in one.looks[taken.get(one.key, 0) :]:
            bound = (
                "no difference would decide" if look.boundary is None else f"decides from {look.boundary:.4g}"
            )
            lines.append(
                f"look at {look.seeds} seeds: {one.agent} - {after.rule.baseline} on {one.env_id}: "
                f"{look.difference:.4g} ({bound}): {look.decision}"
            )
    return lines


def _waiting(record: Looks, scores: Scores) -> list[str]:
    from harness.sweep.sequential import sides

    lines = []
    for one in record.open:
        seeds = range(record.rule.start, record.rule.start + one.needed)
        lacking = [
            f"{setting[0]} seed {', '.join(map(str, missing))}"
            for setting in sides(one, record.rule.baseline)
            if (missing := [seed for seed in seeds if seed not in scores.get(setting, {})])
        ]
        lines.append(f"{one.agent} on {one.env_id} waits for a finished run of {' and '.join(lacking)}")
    return lines
