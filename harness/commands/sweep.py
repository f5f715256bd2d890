"""``harness sweep``: run what is missing of a sweep."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.output import RUNS_DIR, AllowCodeChange, Fresh, Json, RunsDir, print_json
from harness.commands.plan_text import plan_rows, price_of, print_plan, print_summary
from harness.commands.starting import Start, anew, finish
from harness.commands.tracking_options import Tensorboard, Wandb, tracking

if TYPE_CHECKING:
    from harness.sweep.plan import Plan
    from harness.sweep.slurm.backend import Target
    from harness.sweep.supervisor import Outcome

LOCAL = "local"
Jobs = Annotated[int | None, typer.Option(help="Runs at the same time; default: as many as CPU cores.")]
Backend = Annotated[
    str, typer.Option(help="Where to run: local, or a cluster's profile (slurm/NAME.yaml, or a file).")
]


def sweep(
    file: Annotated[Path, typer.Argument(help="The sweep's YAML file.", metavar="FILE")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs and their price, and stop.")
    ] = False,
    jobs: Jobs = None,
    backend: Backend = LOCAL,
    runs_dir: RunsDir = RUNS_DIR,
    tier: Annotated[
        str | None,
        typer.Option(help="A smaller form that the file has, run as sweep NAME-TIER.", metavar="TIER"),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key of the file, e.g. n_timesteps=1e5.", metavar="KEY=VALUE"),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Cancel queued and running runs that the file no longer names.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="On a cluster: stay and show the status until all has ended.")
    ] = False,
    wandb: Wandb = None,
    tensorboard: Tensorboard = False,
    fresh: Fresh = False,
    allow_code_change: AllowCodeChange = False,
    as_json: Json = False,
) -> None:
    """Run what is missing of a sweep, from checkpoints where there are; again, what is not done yet.

    On a cluster it submits and returns.
    """
    from harness.commands.feed import Feed
    from harness.commands.stages import next_stage
    from harness.commands.status import follow
    from harness.runner.lock import lock
    from harness.spec import SpecError
    from harness.sweep.expand import load_sweep
    from harness.sweep.training import Training

    check_jobs(jobs, backend)
    if watch and backend == LOCAL:
        raise SpecError(
            "--watch: expected a cluster's profile as --backend; a local sweep shows its progress"
        )
    if watch and as_json:
        raise SpecError("--watch: expected without --json; `harness status SWEEP --watch --json` has both")
    content = load_sweep(file, assignments or [], tier)
    content = replace(content, tracking=tracking(content.tracking, wandb, tensorboard))
    target = cluster(backend, content.name, runs_dir)
    stage = next_stage(content, runs_dir)
    if fresh:
        stage = replace(stage, plan=replace(stage.plan, runs=tuple(anew(stage.plan.runs))))
    plan = stage.plan
    if dry_run:
        most = price_of(stage.at_most, runs_dir, jobs, target, fresh) if stage.record else None
        price = price_of(plan, runs_dir, jobs, target, fresh)
        print_plan(stage, content.name, price, most, backend, as_json)
        return
    if not as_json:
        print_summary(plan)
    if not plan.to_run and not (prune and plan.unnamed) and stage.record is None:
        if as_json:
            print_json({"sweep": content.name, "summary": plan.summary(), "runs": plan_rows(plan)})
        if watch:
            follow(content.name, runs_dir, as_json=False)
        return
    start = Start(content, fresh, allow_code_change, as_json)
    feed = None if target is None else Feed(content, runs_dir, partial(start.on, target), quiet=as_json)
    with lock(runs_dir / content.name, f"sweep {content.name!r}"):
        Training.of(content).write(runs_dir / content.name)
        if prune:
            _prune(plan, runs_dir / content.name, as_json)
        if feed is None:
            outcome = _run_stages(start, runs_dir, jobs)
        else:
            anything = feed.more()
    if feed is None:
        finish(outcome, content.name, as_json)
    elif watch:
        follow(content.name, runs_dir, as_json=False, again=feed.again)
    elif not as_json and (follows := feed.what_follows()):
        typer.echo(follows)
    elif as_json and not anything:
        print_json({"sweep": content.name, "submitted": [], "left": []})


def check_jobs(jobs: int | None, backend: str) -> None:
    """Refuse a ``--jobs`` that means nothing."""
    from harness.spec import SpecError

    if jobs is not None and jobs < 1:
        raise SpecError(f"--jobs {jobs}: expected a number >= 1")
    if jobs is not None and backend != LOCAL:
        raise SpecError(
            "--jobs: expected only beside --backend local; runs_per_job of the profile says it there"
        )


def cluster(backend: str, sweep: str, runs_dir: Path) -> Target | None:
    """The cluster that ``--backend`` names; ``None`` for this machine."""
    if backend == LOCAL:
        return None
    from harness.sweep.slurm.backend import Target
    from harness.sweep.slurm.profile import is_file_name, load_profile

    again = str(Path(backend).absolute()) if is_file_name(backend) else backend
    return Target(load_profile(backend), sweep, runs_dir / sweep, again)


def _run_stages(start: Start, runs_dir: Path, jobs: int | None) -> Outcome:
    """Run what is wanted here; with sequential seeds look, and go on until nothing is open."""
    from harness.commands.feed import to_start
    from harness.sweep.supervisor import Outcome

    whole, started = Outcome(), set[Path]()
    while runs := to_start(start.content, runs_dir, started, quiet=start.as_json):
        started |= {run.record.directory for run in runs}
        part = start.here(runs, jobs)
        whole.states += part.states
        whole.n_skipped += part.n_skipped
        whole.n_not_started, whole.signal_name = part.n_not_started, part.signal_name
        if whole.stopped or start.content.sequential is None:
            break
    return whole


def _prune(plan: Plan, directory: Path, as_json: bool) -> None:
    from harness.sweep.cancel import cancel_runs
    from harness.sweep.slurm.submissions import Jobs

    cancelled = cancel_runs(Jobs(directory), [record.directory for record in plan.unnamed])
    if not as_json:
        typer.echo(f"pruned: {cancelled.n_runs} queued or running runs that the file no longer names")
