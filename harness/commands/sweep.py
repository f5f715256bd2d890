"""``harness sweep``: run what is missing of a sweep."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands.output import (
    RUNS_DIR,
    SILENT,
    AllowCodeChange,
    Fresh,
    Json,
    RunsDir,
    counted,
    print_json,
)
from harness.commands.tracking_options import Tensorboard, Wandb, tracking

if TYPE_CHECKING:
    from harness.commands.stages import Stage
    from harness.sweep.expand import Sweep
    from harness.sweep.plan import Plan, PlannedRun
    from harness.sweep.price import Price
    from harness.sweep.slurm.backend import Target
    from harness.sweep.supervisor import Outcome
    from harness.tracking.settings import WandbBlock

LOCAL = "local"
N_SHOWN = 5
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
        stage = replace(stage, plan=replace(stage.plan, runs=tuple(_anew(stage.plan.runs))))
    plan = stage.plan
    if dry_run:
        most = _price(stage.at_most, runs_dir, jobs, target, fresh) if stage.record else None
        _print_plan(stage, content.name, _price(plan, runs_dir, jobs, target, fresh), most, backend, as_json)
        return
    if not as_json:
        _print_summary(plan)
    if not plan.to_run and not (prune and plan.unnamed) and stage.record is None:
        if as_json:
            print_json({"sweep": content.name, "summary": plan.summary(), "runs": _rows(plan)})
        if watch:
            follow(content.name, runs_dir, as_json=False)
        return
    if target is not None:
        cluster_feed = Feed(
            content,
            runs_dir,
            lambda runs: submit(runs, target, content, as_json, fresh, allow_code_change),
            quiet=as_json,
        )
    with lock(runs_dir / content.name, f"sweep {content.name!r}"):
        Training.of(content).write(runs_dir / content.name)
        if prune:
            _prune(plan, runs_dir / content.name, as_json)
        if target is not None:
            anything = cluster_feed.more()
        else:
            outcome = _run_stages(content, runs_dir, jobs, as_json, fresh, allow_code_change)
    if target is None:
        finish(outcome, content.name, as_json)
    elif watch:
        follow(content.name, runs_dir, as_json=False, again=cluster_feed.again)
    elif not as_json and (follows := cluster_feed.what_follows()):
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


def run_here(
    runs: list[PlannedRun],
    content: Sweep,
    jobs: int | None,
    as_json: bool,
    fresh: bool = False,
    allow_code_change: bool = False,
) -> Outcome:
    """Run ``runs`` on this machine."""
    from harness.sweep.worker import runner_command

    command = runner_command(
        content.device,
        checkpoint_seconds=content.checkpoint_seconds,
        fresh=fresh,
        allow_code_change=allow_code_change,
        tensorboard=content.tracking.tensorboard,
    )
    runs = _anew(runs) if fresh else runs
    return execute(runs, command, jobs, as_json, content.tracking.wandb)


def _anew(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """``runs``, none of which goes on from a shorter one."""
    return [replace(run, shorter=None) for run in runs]


def submit(
    runs: list[PlannedRun],
    target: Target,
    content: Sweep,
    as_json: bool,
    fresh: bool = False,
    allow_code_change: bool = False,
) -> Sequence[PlannedRun]:
    """Submit ``runs``, and say under which ids; return those that ``max_jobs`` leaves for later.

    To be called under the sweep's lock.
    """
    from harness.commands.price import walltime_lines
    from harness.sweep.price import kind_of, measure

    target.check()
    measured = measure(target.directory.parent, {kind_of(run.spec) for run in runs}, target.profile)
    packing = target.pack(runs, measured, fresh=fresh)
    submitted = []
    for submission, job_id in target.submit(
        packing,
        content.device,
        checkpoint_seconds=content.checkpoint_seconds,
        fresh=fresh,
        allow_code_change=allow_code_change,
        tracking=content.tracking,
    ):
        n_jobs = len(submission.content["shares"])
        submitted.append({"job_id": job_id, "n_jobs": n_jobs, "directory": str(submission.directory)})
        if not as_json:
            typer.echo(f"submitted job {job_id}: {counted(n_jobs, 'job')}, {submission.directory}")
    if as_json:
        left = [str(run.record.directory) for run in packing.left]
        print_json({"sweep": content.name, "submitted": submitted, "left": left})
        return packing.left
    for line in walltime_lines(packing.n_cut, packing.n_put_back):
        typer.echo(line)
    if packing.left:
        typer.echo(
            f"left for later: {counted(len(packing.left), 'run')} (max_jobs of profile {target.profile.name})"
        )
    return packing.left


def _run_stages(
    content: Sweep, runs_dir: Path, jobs: int | None, as_json: bool, fresh: bool, allow_code_change: bool
) -> Outcome:
    """Run what is wanted here; with sequential seeds look, and go on until nothing is open."""
    from harness.commands.feed import to_start
    from harness.sweep.supervisor import Outcome

    whole, started = Outcome(), set[Path]()
    while runs := to_start(content, runs_dir, started, quiet=as_json):
        started |= {run.record.directory for run in runs}
        part = run_here(runs, content, jobs, as_json, fresh, allow_code_change)
        whole.states += part.states
        whole.n_skipped += part.n_skipped
        whole.n_not_started, whole.signal_name = part.n_not_started, part.signal_name
        if whole.stopped or content.sequential is None:
            break
    return whole


def execute(
    runs: list[PlannedRun], command: Any, jobs: int | None, as_json: bool, wandb: WandbBlock
) -> Outcome:
    """Run ``runs`` under a display: on standard output, or on standard error beside JSON."""
    from harness.sweep.display import make_display
    from harness.sweep.gpus import visible_gpus
    from harness.sweep.supervisor import supervise
    from harness.sweep.trackers import tracked

    display = tracked(make_display(len(runs), sys.stderr if as_json else sys.stdout), wandb)
    gpus = [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in visible_gpus()]
    return supervise(runs, command, jobs=at_once(jobs, len(runs)), observer=display, environments=gpus)


def at_once(jobs: int | None, n_runs: int) -> int:
    """Runs at the same time on this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return jobs or max(1, min(cores, n_runs))


def finish(outcome: Outcome, name: str, as_json: bool) -> None:
    """Report how the runs ended; exit with 1 if one failed and with 130 after a signal."""
    if as_json:
        runs = [
            {"directory": str(run.record.directory), "state": state, "error": error}
            for run, state, error in outcome.states
        ]
        print_json({"sweep": name, "stopped": outcome.stopped, "runs": runs})
    else:
        counts = {state: len(outcome.runs(state)) for state in ("done", "failed", "preempted")}
        parts = [f"{count} {state}" for state, count in counts.items() if count]
        if outcome.n_skipped:
            parts.append(f"{outcome.n_skipped} by another process")
        if outcome.n_not_started:
            parts.append(f"{outcome.n_not_started} not started")
        typer.echo(f"sweep {name}: {', '.join(parts) or 'nothing run'}")
        for run, error in outcome.runs("failed"):
            typer.echo(f"failed: {run.record.directory}: {error} (log {run.record.log_file})", err=True)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


def _price(plan: Plan, runs_dir: Path, jobs: int | None, target: Target | None, fresh: bool) -> Price:
    from harness.sweep.price import kind_of, measure, price_local, price_slurm

    runs = plan.to_run
    kinds = {kind_of(run.spec) for run in runs}
    if target is None:
        return price_local(runs, at_once(jobs, len(runs)), measure(runs_dir, kinds), fresh)
    measured = measure(runs_dir, kinds, target.profile)
    return price_slurm(target.pack(runs, measured, fresh=fresh, dry=True), target.profile, measured)


def _prune(plan: Plan, directory: Path, as_json: bool) -> None:
    from harness.sweep.cancel import cancel_runs
    from harness.sweep.slurm.submissions import Jobs

    cancelled = cancel_runs(Jobs(directory), [record.directory for record in plan.unnamed])
    if not as_json:
        typer.echo(f"pruned: {cancelled.n_runs} queued or running runs that the file no longer names")


def _print_summary(plan: Plan) -> None:
    typer.echo(plan.summary())
    if plan.silent:
        typer.echo(SILENT)
    for run in plan.outdated[:N_SHOWN]:
        typer.echo(f"made by older code: {run.record.directory}: {run.outdated}")
    more = len(plan.outdated) - N_SHOWN
    if more > 0:
        typer.echo(f"made by older code: {counted(more, 'more run')} (--dry-run lists all)")
    longer = [run.shorter for run in plan.runs if run.shorter]
    for shorter in longer[:N_SHOWN]:
        typer.echo(shorter.describe())
    if len(longer) > N_SHOWN:
        typer.echo(f"a longer budget now: {counted(len(longer) - N_SHOWN, 'more run')} (--dry-run lists all)")
    for record in plan.unnamed[:N_SHOWN]:
        typer.echo(f"no longer in the file: {record.directory}")
    more = len(plan.unnamed) - N_SHOWN
    if more > 0:
        typer.echo(f"no longer in the file: {counted(more, 'more run')} (--dry-run lists all)")


def _print_plan(
    stage: Stage, name: str, price: Price, at_most: Price | None, backend: str, as_json: bool
) -> None:
    from harness.commands.price import price_lines
    from harness.commands.stages import print_stage

    plan = stage.plan
    if as_json:
        unnamed = [str(record.directory) for record in plan.unnamed]
        content: dict[str, Any] = {"sweep": name, "summary": plan.summary(), "runs": _rows(plan)}
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


def _rows(plan: Plan) -> list[dict[str, Any]]:
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
