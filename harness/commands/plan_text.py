"""What ``harness sweep`` says of a plan: a summary before it starts, all of it and its price in a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from harness.commands.output import SILENT, counted, print_json
from harness.commands.starting import at_once

if TYPE_CHECKING:
    from harness.commands.stages import Stage
    from harness.sweep.plan import Plan
    from harness.sweep.price import Price
    from harness.sweep.slurm.backend import Target

N_SHOWN = 5


def print_summary(plan: Plan) -> None:
    """Print how many runs there are in each state, and the first of those that need a word."""
    typer.echo(plan.summary())
    if plan.silent:
        typer.echo(SILENT)
    outdated = [f"{run.record.directory}: {run.outdated}" for run in plan.outdated]
    _print_first("made by older code: ", outdated, "made by older code")
    _print_first("", [run.shorter.describe() for run in plan.runs if run.shorter], "a longer budget now")
    unnamed = [str(record.directory) for record in plan.unnamed]
    _print_first("no longer in the file: ", unnamed, "no longer in the file")


def _print_first(before: str, runs: Sequence[str], what: str) -> None:
    for run in runs[:N_SHOWN]:
        typer.echo(f"{before}{run}")
    more = len(runs) - N_SHOWN
    if more > 0:
        typer.echo(f"{what}: {counted(more, 'more run')} (--dry-run lists all)")


def print_plan(
    stage: Stage, name: str, price: Price, at_most: Price | None, backend: str, as_json: bool
) -> None:
    """Print every run, the price, and where a sequential sweep's comparisons stand.

    Args:
        stage: where the sweep stands.
        name: its name.
        price: of what is to start now.
        at_most: of all that may follow; ``None`` where the seeds are not sequential.
        backend: what ``--backend`` says.
        as_json: print JSON.
    """
    from harness.commands.price import price_lines
    from harness.commands.stages import print_stage

    plan = stage.plan
    if as_json:
        unnamed = [str(record.directory) for record in plan.unnamed]
        content: dict[str, Any] = {"sweep": name, "summary": plan.summary(), "runs": plan_rows(plan)}
        content |= {"no_longer_named": unnamed, "price": price.to_json()}
        if stage.record and at_most:
            comparisons = [asdict(one) for one in stage.record.comparisons]
            content |= {"price_at_most": at_most.to_json(), "comparisons": comparisons}
        print_json(content)
        return
    for run in plan.runs:
        older = f"  made by older code: {run.outdated}" if run.outdated else ""
        notes = older + (f"  {run.shorter.describe()}" if run.shorter else "")
        typer.echo(f"{run.found:<11} {run.record.directory}  {run.spec.n_timesteps:,} timesteps{notes}")
    for record in plan.unnamed:
        typer.echo(f"no longer in the file: {record.directory}")
    if plan.to_run:
        typer.echo("\n".join(price_lines(price, backend)))
    if at_most and at_most.n_runs > price.n_runs:
        typer.echo("if no comparison is decided before its last look:")
        typer.echo("\n".join(price_lines(at_most, backend)))
    print_stage(stage)
    typer.echo(plan.summary())
    if plan.silent:
        typer.echo(SILENT)


def plan_rows(plan: Plan) -> list[dict[str, Any]]:
    """The runs of a plan, for JSON."""
    return [
        {
            "directory": str(run.record.directory),
            "label": run.spec.label,
            "algo": run.spec.algo,
            "env_id": run.spec.env_id,
            "seed": run.spec.seed,
            "n_timesteps": run.spec.n_timesteps,
            "state": run.found,
            "outdated": run.outdated,
            "extends": str(run.shorter.record.directory) if run.shorter and run.shorter.usable else None,
        }
        for run in plan.runs
    ]


def price_of(plan: Plan, runs_dir: Path, jobs: int | None, target: Target | None, fresh: bool) -> Price:
    """What the plan's runs to start cost where they are to run."""
    from harness.sweep.price import kind_of, measure, price_local, price_slurm

    runs = plan.to_run
    kinds = {kind_of(run.spec) for run in runs}
    if target is None:
        return price_local(runs, at_once(jobs, len(runs)), measure(runs_dir, kinds), fresh)
    measured = measure(runs_dir, kinds, target.profile)
    return price_slurm(target.pack(runs, measured, fresh=fresh, dry=True), target.profile, measured)
