"""``harness cancel``: stop a sweep."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands.output import RUNS_DIR, Json, RunsDir, counted, print_json


def cancel(
    sweep: Annotated[str, typer.Argument(help="Name of a sweep.", metavar="SWEEP")],
    runs_dir: RunsDir = RUNS_DIR,
    as_json: Json = False,
) -> None:
    """Stop what runs of a sweep and take what waits out of the queue; `harness sweep` goes on from there.

    Runs write checkpoints before they end. Exits with 1 if a job is still there after two minutes.
    """
    from harness.sweep.cancel import cancel_sweep

    done = cancel_sweep(runs_dir, sweep)
    if as_json:
        print_json(
            {
                "sweep": sweep,
                "supervisor": done.supervisor,
                "single_runs": list(done.single),
                "jobs": list(done.jobs),
                "runs": done.n_runs,
                "remaining": list(done.remaining),
            }
        )
    else:
        for process in (done.supervisor, *done.single):
            if process is not None:
                typer.echo(f"stopped process {process}")
        if done.jobs or done.n_runs:
            typer.echo(f"cancelled {counted(len(done.jobs), 'job')} and {counted(done.n_runs, 'run')}")
        if done.supervisor is None and not done.single and not done.n_runs:
            typer.echo("nothing to cancel: nothing runs or waits")
        if done.remaining:
            typer.echo(f"still there: {', '.join(done.remaining)}", err=True)
    if done.remaining:
        raise typer.Exit(1)
