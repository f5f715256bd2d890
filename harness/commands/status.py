"""``harness status``: where a sweep stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.output import RUNS_DIR, Json, RunsDir, print_json, print_table

if TYPE_CHECKING:
    from harness.sweep.status import SweepStatus


def status(
    sweep: Annotated[str, typer.Argument(help="Name of a sweep, or its YAML file.", metavar="SWEEP")],
    runs_dir: RunsDir = RUNS_DIR,
    as_json: Json = False,
) -> None:
    """Show where a sweep stands; with its YAML file, runs not started yet are counted too."""
    from harness.sweep.display import duration, number
    from harness.sweep.status import COUNTED

    content = _status(sweep, runs_dir)
    if as_json:
        print_json(content.to_json())
        return
    counted = [state for state in COUNTED if any(row.counts[state] for row in content.rows)]
    columns = ["algo", "env", *counted, "progress", "steps/s", "left", "return"]
    rows = [
        [
            row.label,
            row.env_id,
            *(str(row.counts[state]) for state in counted),
            f"{row.progress:.0%}",
            number(row.steps_per_second),
            duration(row.seconds_left),
            number(row.last_return),
        ]
        for row in content.rows
    ]
    print_table(columns, rows, right=columns[2:])
    for directory, error in content.failures:
        typer.echo(f"failed: {directory}: {error}")


def _status(sweep: str, runs_dir: Path) -> SweepStatus:
    from harness.sweep.status import recorded_status, summarise

    if not sweep.endswith((".yaml", ".yml")):
        return recorded_status(runs_dir, sweep)
    from harness.sweep.expand import load_sweep
    from harness.sweep.plan import make_plan

    content = load_sweep(Path(sweep))
    plan = make_plan(content.runs, runs_dir, content.name)
    return summarise(
        content.name,
        ((run.record, run.spec.label, run.spec.env_id, run.spec.n_timesteps) for run in plan.runs),
    )
