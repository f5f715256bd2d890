"""``harness status``: where a sweep stands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.output import (
    RUNS_DIR,
    SILENT,
    Json,
    RunsDir,
    console,
    counted,
    print_json,
    print_table,
)
from harness.records import RunRecord

if TYPE_CHECKING:
    from harness.sweep.status import SweepStatus

WATCH_SECONDS = 5.0
N_SHOWN = 20


def status(
    sweep: Annotated[str, typer.Argument(help="Name of a sweep, or its YAML file.", metavar="SWEEP")],
    runs_dir: RunsDir = RUNS_DIR,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every 5 s until nothing runs or waits.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show where a sweep stands; with its YAML file, runs not started yet are counted too."""
    if watch:
        follow(sweep, runs_dir, as_json)
        return
    content = _status(sweep, runs_dir)
    if as_json:
        print_json(content.to_json())
    else:
        show(content)


def follow(sweep: str, runs_dir: Path, as_json: bool, again: Callable[[bool], bool] | None = None) -> None:
    """Show the status every 5 s until nothing runs or waits in a queue; as JSON, one line each time.

    Args:
        sweep: name of a sweep, or its YAML file.
        runs_dir: the directory of all sweeps.
        as_json: print JSON.
        again: asked each time, and told whether something runs or waits; a yes goes on in any case.
    """
    while True:
        content = _status(sweep, runs_dir)
        if as_json:
            typer.echo(json.dumps(content.to_json(), allow_nan=False))
        else:
            console().clear()  # does nothing where standard output is no terminal
            show(content)
        if not (again(content.active) if again else content.active):
            return
        time.sleep(WATCH_SECONDS)


def show(content: SweepStatus) -> None:
    """Print the table, a line for each of the first runs that went wrong, and whether Slurm is silent."""
    from harness.sweep.display import duration, number
    from harness.sweep.status import COUNTED

    shown = [state for state in COUNTED if any(row.counts[state] for row in content.rows)]
    columns = ["algo", "env", *shown, "progress", "steps/s", "left", "return"]
    rows = [
        [
            row.label,
            row.env_id,
            *(str(row.counts[state]) for state in shown),
            f"{row.progress:.0%}",
            number(row.steps_per_second),
            duration(row.seconds_left),
            number(row.last_return),
        ]
        for row in content.rows
    ]
    print_table(columns, rows, right=columns[2:])
    for directory, state, error in content.failures[:N_SHOWN]:
        typer.echo(f"{state}: {directory}: {error}")
    if len(content.failures) > N_SHOWN:
        typer.echo(f"{counted(len(content.failures) - N_SHOWN, 'more run')} (--json lists all)")
    if content.silent:
        typer.echo(SILENT)


def _status(sweep: str, runs_dir: Path) -> SweepStatus:
    from harness.sweep.status import recorded_status, summarise

    if not sweep.endswith((".yaml", ".yml")):
        return recorded_status(runs_dir, sweep)
    from harness.sweep.expand import load_sweep
    from harness.sweep.sequential import runs_wanted_now
    from harness.sweep.slurm.submissions import Jobs

    content = runs_wanted_now(load_sweep(Path(sweep)), runs_dir)
    records = [RunRecord(run.directory(runs_dir, content.name)) for run in content.runs]
    return summarise(
        content.name,
        (
            (record, run.label, run.env_id, run.n_timesteps)
            for record, run in zip(records, content.runs, strict=True)
        ),
        Jobs(runs_dir / content.name),
    )
