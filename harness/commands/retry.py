"""``harness retry``: start again what ended badly."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from harness.commands.output import RUNS_DIR, AllowCodeChange, Fresh, Json, RunsDir, print_json
from harness.commands.starting import Start, finish
from harness.commands.sweep import LOCAL, Jobs, check_jobs, cluster
from harness.commands.tracking_options import Tensorboard, Wandb, tracking


def retry(
    sweep: Annotated[str, typer.Argument(help="Name of a sweep.", metavar="SWEEP")],
    failed: Annotated[bool, typer.Option("--failed", help="Only runs that failed.")] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="Only runs whose job is gone without a word from them.")
    ] = False,
    backend: Annotated[
        str | None, typer.Option(help="As of `harness sweep`; default: where the sweep was submitted last.")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None,
        typer.Option(help="Where to train.", show_default="as the sweep was trained last"),
    ] = None,
    jobs: Jobs = None,
    runs_dir: RunsDir = RUNS_DIR,
    wandb: Wandb = None,
    tensorboard: Tensorboard = False,
    fresh: Fresh = False,
    allow_code_change: AllowCodeChange = False,
    as_json: Json = False,
) -> None:
    """Start failed and lost runs again, from their checkpoints; without the sweep's file.

    They are trained and tracked as `harness sweep` was told last, unless an option says otherwise.
    """
    from harness.runner.lock import lock
    from harness.sweep.expand import Sweep
    from harness.sweep.retry import check_sweep, ended_badly, last_backend
    from harness.sweep.training import Training

    check_sweep(runs_dir, sweep)
    chosen = backend or last_backend(runs_dir, sweep) or LOCAL
    check_jobs(jobs, chosen)
    target = cluster(chosen, sweep, runs_dir)
    last = Training.read(runs_dir / sweep)
    states = [state for state, wanted in (("failed", failed), ("lost", lost)) if wanted] or ["failed", "lost"]
    with lock(runs_dir / sweep, f"sweep {sweep!r}"):
        runs = ended_badly(runs_dir, sweep, states)  # type: ignore[arg-type]
        if not runs:
            if as_json:
                print_json({"sweep": sweep, "runs": []})
            else:
                typer.echo(f"nothing to do: no run is {' or '.join(states)}")
            return
        content = Sweep(
            sweep,
            tuple(run.spec for run in runs),
            device or last.device,
            checkpoint_seconds=last.checkpoint_seconds,
            tracking=tracking(last.tracking, wandb, tensorboard),
        )
        start = Start(content, fresh, allow_code_change, as_json)
        if target is not None:
            start.on(target, runs)
            return
        outcome = start.here(runs, jobs)
    finish(outcome, sweep, as_json)
