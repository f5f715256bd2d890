"""Submission through submitit. Only the path of a JSON file crosses to the job."""

from __future__ import annotations

import io
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from harness.records import RunRecord, write_json
from harness.sweep.extend import create_record
from harness.sweep.plan import PlannedRun
from harness.sweep.slurm.code import code_now
from harness.sweep.slurm.commands import SlurmError
from harness.sweep.slurm.packing import PackedJob
from harness.sweep.slurm.profile import Profile
from harness.sweep.slurm.submissions import Submission, begin, note_job
from harness.tracking.settings import WandbBlock

RUNNER = ("-m", "harness.runner")


def submit_runs(
    arrays: Sequence[Sequence[PackedJob[PlannedRun]]],
    sweep_directory: Path,
    sweep: str,
    profile: Profile,
    options: Sequence[str],
    *,
    fresh: bool = False,
    runner: Sequence[str] = RUNNER,
    wandb: WandbBlock | None = None,
    backend: str | None = None,
) -> Iterator[tuple[Submission, str]]:
    """Submit array after array; yield each with the id that Slurm gave it.

    The runs' records are made first, as pending. To be called under the sweep's lock.

    Args:
        arrays: from :func:`harness.sweep.slurm.packing.pack`.
        sweep_directory: ``runs/<sweep>``.
        sweep: its name.
        profile: where and how.
        options: of the worker's command line.
        fresh: drop what earlier attempts left.
        runner: what the job's interpreter is to run with a run directory and ``options``.
        wandb: where the jobs show their runs, by default nowhere; the API key is found on the node.
        backend: as of :func:`submit_shares`.

    Raises:
        SlurmError: Slurm refuses one, or the disk is full; those before it stay submitted.
    """
    code = code_now(run.spec.algo for array in arrays for job in array for run in job.runs)
    for array in arrays:
        with _writing(sweep_directory):
            for job in array:
                for run in job.runs:
                    _make_ready(run, fresh)
        shares = [[run.record.directory for run in job.runs] for job in array]
        content = {
            "sweep": sweep,
            "runner": list(runner),
            "options": list(options),
            "code": code,
            "wandb": (wandb or WandbBlock()).model_dump(mode="json"),
        }
        seconds = [job.seconds for job in array]
        yield submit_shares(shares, sweep_directory, sweep, profile, content, seconds, backend)


def submit_shares(
    shares: Sequence[Sequence[Path]],
    sweep_directory: Path,
    sweep: str,
    profile: Profile,
    content: dict[str, Any],
    seconds: Sequence[float | None] | None = None,
    backend: str | None = None,
) -> tuple[Submission, str]:
    """One array of jobs (or a single one); return it with the id that Slurm gave it.

    Args:
        shares: per job its runs' directories.
        sweep_directory: ``runs/<sweep>``.
        sweep: its name.
        profile: where and how.
        content: of the shares' files, beside profile and runs.
        seconds: how long each job was expected to take, for the record.
        backend: what gives the profile as ``--backend``, for the record; default: its name.

    Raises:
        SlurmError: Slurm refuses it, or the disk is full; nothing is left of it.
    """
    root = sweep_directory.resolve()
    odd = next((sign for sign in "%\\\n" if sign in str(root)), None)
    if odd:
        raise SlurmError(
            f"--runs-dir {str(sweep_directory.parent)!r}: expected no {odd!r} in it; Slurm reads it otherwise"
        )
    names = [f"share-{index:04d}.json" for index in range(len(shares))]
    resolved = [[run.resolve() for run in share] for share in shares]
    expected = seconds or [None] * len(names)
    with _writing(sweep_directory):
        jobs = list(zip(names, resolved, expected, strict=True))
        submission = begin(root, sweep, jobs, profile.name, backend or profile.name)
        try:
            for name, runs in zip(names, resolved, strict=True):
                write_json(
                    submission.directory / name,
                    {**content, "profile": profile.to_json(), "runs": [str(run) for run in runs]},
                )
            job_id = _sbatch(submission, [submission.directory / name for name in names], profile)
        except BaseException:
            _discard(submission)
            raise
    try:
        note_job(submission, job_id)
    except OSError as error:
        raise SlurmError(
            f"{submission.directory}: cannot be written ({error.strerror}); job {job_id} is submitted, "
            "and is found by its name"
        ) from None
    return submission, job_id


@contextmanager
def _writing(sweep_directory: Path) -> Iterator[None]:
    """A full disk gets one line. What was submitted before stays so; the next call goes on from there."""
    try:
        yield
    except OSError as error:
        raise SlurmError(
            f"{error.filename or sweep_directory}: cannot be written ({error.strerror}); "
            "not submitted, run it again when there is room"
        ) from None


def _make_ready(run: PlannedRun, fresh: bool) -> None:
    record: RunRecord = run.record
    if not record.run_file.exists():
        create_record(record, run.spec, run.sweep, None if fresh else run.shorter)
        return
    if fresh:
        record.discard_results()
    timesteps = 0 if fresh or not record.status_file.exists() else record.status().get("timesteps", 0)
    record.set_status("pending", timesteps=timesteps, n_timesteps=run.spec.n_timesteps)


def _sbatch(submission: Submission, shares: Sequence[Path], profile: Profile) -> str:
    try:
        import submitit
    except ImportError:
        raise SlurmError("submitit is not installed; expected this package's extra 'slurm'") from None
    from harness.sweep.slurm.job import run_share

    try:
        with _outside_a_job(), redirect_stderr(io.StringIO()):  # submitit repeats there what sbatch says
            executor = submitit.SlurmExecutor(submission.directory / "jobs", python=profile.python)
            executor.update_parameters(**sbatch_parameters(submission.name, profile))
            jobs = executor.map_array(run_share, [str(share) for share in shares])
    except (RuntimeError, submitit.core.utils.FailedJobError) as error:
        lines = [line.strip() for line in str(error).splitlines() if "sbatch: error" in line]
        raise SlurmError(
            f"profile {profile.name}: {lines[-1] if lines else ' '.join(str(error).split())}"
        ) from None
    return str(jobs[0].job_id).split("_")[0]


def sbatch_parameters(name: str, profile: Profile) -> dict[str, Any]:
    """A profile in submitit's words."""
    gpu = f"{profile.gpu_type}:" if profile.gpu_type else ""
    mem = profile.mem_gb_per_run
    given: dict[str, Any] = {
        "job_name": name,
        "time": profile.walltime,
        "nodes": 1,
        "ntasks_per_node": 1,
        "cpus_per_task": profile.cpus_per_job,
        "partition": profile.partition,
        "account": profile.account,
        "qos": profile.qos,
        "constraint": profile.constraint,
        "mem": None if mem is None else f"{math.ceil(1024 * mem * min(profile.at_once, profile.share))}M",
        "gres": f"gpu:{gpu}{profile.gpus_per_job}" if profile.gpus_per_job else None,
        "signal_delay_s": profile.signal_seconds,
        "array_parallelism": profile.array_parallelism,
        "setup": profile.setup or None,
        "stderr_to_stdout": True,
        # srun does not take the number of cores over from sbatch.
        "srun_args": [f"--cpus-per-task={profile.cpus_per_job}", *profile.srun_args],
        "additional_parameters": {
            "requeue" if profile.requeue else "no-requeue": True,
            **{key: value for key, value in profile.options.items() if value is not False},
        },
    }
    return {"wckey": None, **{key: value for key, value in given.items() if value is not None}}


@contextmanager
def _outside_a_job() -> Iterator[None]:
    """Hide the variables of the job that this process runs in, if any; sbatch and srun would use them."""
    inside = "SLURM_JOB_ID" in os.environ
    hidden = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if inside and name.startswith(("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_")) and name != "SLURM_CONF"
    }
    try:
        yield
    finally:
        os.environ.update(hidden)


def _discard(submission: Submission) -> None:
    shutil.rmtree(submission.directory, ignore_errors=True)
