"""What a Slurm job runs: the supervisor over its share of a sweep.

submitit calls :func:`run_share` with the path of the share's file. From then on the signals are the
supervisor's: on SIGUSR2 (out of time, or preempted) every run writes a checkpoint, and the job is put back
into the queue, or a follow-up is submitted where the cluster does not allow it; why the signal came makes no
difference. On SIGTERM (cancelled) the runs write checkpoints and the job ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from harness.records import RecordError, RunRecord, read_json
from harness.runner.exit_codes import ExitCode
from harness.spec import RunSpec
from harness.sweep.display import make_display
from harness.sweep.gpus import places
from harness.sweep.plan import PlannedRun
from harness.sweep.slurm.code import code_now, difference
from harness.sweep.slurm.commands import SlurmError, requeue
from harness.sweep.slurm.profile import Profile, profile_from_json
from harness.sweep.slurm.submissions import Submission, relative
from harness.sweep.slurm.submit import submit_shares
from harness.sweep.state import FRESH_SECONDS, found_state
from harness.sweep.supervisor import supervise
from harness.sweep.trackers import tracked
from harness.sweep.worker import THREAD_VARIABLES, NotStarted
from harness.tracking.settings import WandbBlock

MAX_IDLE_STARTS = 5
"""A job is not put back again after so many starts in a row in which no run came further."""

WITHDRAWN_SECONDS = 2.0


class _Interrupted(BaseException):
    """A signal came while the supervisor was not listening yet."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = signal.Signals(number).name


def run_share(path: str) -> None:
    """Run the share at ``path``. Leaves by ``sys.exit`` with 0, 1 (a run failed) or 75 (not finished)."""
    share = Share(Path(path))

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not share.supervised:  # afterwards the job is about to end anyway
            raise _Interrupted(number)

    # submitit's own handlers would end the job in the middle of an update.
    signal.signal(signal.SIGCONT, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, interrupt)
    try:
        sys.exit(share.run())
    except _Interrupted as early:
        sys.exit(share.after(early.name, any_failed=False))


class Share:
    """A job's share of a sweep.

    Args:
        path: ``.../<sweep>/.slurm/<submission>/share-<k>.json``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = read_json(path)
        self.profile: Profile = profile_from_json(self.content["profile"])
        self.wandb = WandbBlock.model_validate(self.content["wandb"])
        self.submission = Submission(path.parent, read_json(path.parent / "submission.json"))
        self.sweep_directory = path.parents[2]
        self.records = [RunRecord(Path(run)) for run in self.content["runs"]]
        self.supervised = False
        self._cancelled: set[str] = set()
        self._next_look = 0.0

    def run(self) -> int:
        """Supervise the runs; return the process's exit code."""
        changed = self._changed()
        if changed:
            return self._refuse(changed)
        self._note_start()
        self._wait_for_others()
        runs = [run for record in self.records if (run := self._open(record)) is not None]
        print(f"{len(runs)} runs to do of {len(self.records)}", flush=True)
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(self.profile.cpus_per_run)))
        outcome = supervise(
            runs,
            self._command,
            jobs=self.profile.at_once,
            observer=tracked(make_display(max(1, len(runs)), sys.stdout), self.wandb),
            grace=self._grace_seconds,
            environments=places(self.profile.gpus_per_job, self.profile.runs_per_gpu),
            withdrawn=self._withdrawn,
        )
        self.supervised = True
        return self.after(outcome.signal_name, any_failed=bool(outcome.runs("failed")))

    @property
    def _grace_seconds(self) -> float:
        """What the trackers may take after the runs' ends is left for them."""
        reserved = self.wandb.finish_seconds if self.wandb.enabled else 0.0
        return max(5.0, self.profile.grace_seconds - reserved)

    def _changed(self) -> str | None:
        """How the code differs from the submission's; ``None`` if it does not."""
        agents = {str(record.spec["algo"]) for record in self.records}
        changed = difference(self.content["code"], code_now(agents))
        return f"the code is not that of the submission: {changed}; submit again" if changed else None

    def _command(self, directory: Path) -> list[str]:
        if changed := self._changed():  # since the job began
            raise NotStarted(changed)
        return [sys.executable, *self.content["runner"], str(directory), *self.content["options"]]

    def _open(self, record: RunRecord) -> PlannedRun | None:
        found, _ = found_state(record)
        if found in ("done", "failed") or self._withdrawn_now(record):
            return None
        return PlannedRun(RunSpec.model_validate(record.spec), str(self.content["sweep"]), record, found)

    def _refuse(self, reason: str) -> int:
        print(reason, file=sys.stderr, flush=True)
        for record in self.records:
            found, status = found_state(record)
            if found not in ("done", "failed", "running"):
                kept = {key: status[key] for key in ("timesteps", "n_timesteps") if key in status}
                record.set_status("failed", **{"timesteps": 0, **kept}, error=reason)
        return int(ExitCode.CHECKPOINT_REFUSED)

    def _wait_for_others(self) -> None:
        """After a node died its workers' heartbeats look alive for a moment; wait until they are old."""
        deadline = time.monotonic() + FRESH_SECONDS + 5
        while time.monotonic() < deadline:
            if all(found_state(record)[0] != "running" for record in self.records):
                return
            time.sleep(1.0)

    def _withdrawn_now(self, record: RunRecord) -> bool:
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + WITHDRAWN_SECONDS
            with suppress(RecordError):  # being replaced on a slow file system: the next look reads it
                self._cancelled = self.submission.cancelled()
        return relative(record.directory, self.sweep_directory) in self._cancelled

    def _withdrawn(self, run: PlannedRun) -> bool:
        return self._withdrawn_now(run.record)

    def _unfinished(self) -> list[RunRecord]:
        self._next_look = 0.0
        return [
            record
            for record in self.records
            if not self._withdrawn_now(record) and found_state(record)[0] not in ("done", "failed")
        ]

    def after(self, signal_name: str | None, any_failed: bool) -> int:
        """Whether the job is put back; return the process's exit code.

        Args:
            signal_name: the signal that ended it, if one did.
            any_failed: whether a run failed.
        """
        left = self._unfinished()
        if not left:
            return int(ExitCode.FAILED if any_failed else ExitCode.DONE)
        if signal_name != "SIGUSR2":
            return int(ExitCode.PREEMPTED)
        if self._idle_starts() >= MAX_IDLE_STARTS:
            for record in left:
                reason = (
                    f"the job was started {MAX_IDLE_STARTS} times and this run came no further; "
                    "expected a longer walltime, or checkpoint_seconds, for at least one rollout"
                )
                record.set_status("failed", **_progress(record), error=reason)
            return int(ExitCode.FAILED)
        self._continue()
        return int(ExitCode.PREEMPTED)

    def _continue(self) -> None:
        """Back into the queue, or a follow-up; if neither works, ``harness sweep`` submits the rest again."""
        if self.profile.requeue:
            try:
                requeue(_own_job_id())
                print("back in the queue", flush=True)
                return
            except SlurmError as error:
                print(f"not put back into the queue: {error}", flush=True)
        left = self._unfinished()
        if not left:  # a cancelled job cannot be put back either
            return
        content = {key: self.content[key] for key in ("sweep", "runner", "options", "code", "wandb")}
        try:
            _, job_id = submit_shares(
                [[record.directory for record in left]],
                self.sweep_directory,
                str(content["sweep"]),
                self.profile,
                {**content, "idle_starts": self._idle_starts()},
                backend=self.submission.content.get("backend"),
            )
            print(f"follow-up submitted: job {job_id}", flush=True)
        except SlurmError as error:
            print(f"no follow-up: {error}", file=sys.stderr, flush=True)

    @property
    def _starts_file(self) -> Path:
        return self.path.with_suffix(".starts")

    def _starts(self) -> list[int]:
        """Timesteps of all runs together at each start of this job, the latest last."""
        text = self._starts_file.read_text() if self._starts_file.exists() else ""
        return [int(line) for line in text.split()]

    def _note_start(self) -> None:
        with self._starts_file.open("a") as file:
            file.write(f"{self._timesteps()}\n")

    def _timesteps(self) -> int:
        return sum(int(_progress(record)["timesteps"]) for record in self.records)

    def _idle_starts(self) -> int:
        """Starts in a row, up to now, in which nothing came further; with those of the job followed up."""
        reached, starts = self._timesteps(), self._starts()
        idle = next((n for n, at_start in enumerate(reversed(starts)) if at_start < reached), len(starts))
        return idle + (int(self.content.get("idle_starts", 0)) if idle == len(starts) else 0)


def _progress(record: RunRecord) -> dict[str, Any]:
    status = record.status() if record.status_file.exists() else {}
    return {key: status.get(key, 0) for key in ("timesteps", "n_timesteps")}


def _own_job_id() -> str:
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]
