"""What was submitted: the files below ``runs/<sweep>/.slurm``, and which job holds a run.

Layout, one directory per submission (an array, or a single job)::

    .slurm/<time>-<number>/
      submission.json    name, array's id, user, profile, --backend; per job its share, its runs and the
                         expected seconds
      share-0000.json    all that crosses to the job: run directories, profile, worker's options, code
      share-0000.starts  one line per start of the job
      cancelled.json     directories of runs that are no longer wanted
      jobs/              submitit's files: the sbatch script, and the output of the jobs

Beside it, ``.cancelled`` counts the calls of ``harness cancel``.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.records import RecordError, RunRecord, read_json, write_json
from harness.sweep.slurm.scheduler import Job, Queue, judge, phase_of, read_accounting, read_queue

FOLDER = ".slurm"
CANCELLED = ".cancelled"
VERSION = 1


@dataclass(frozen=True)
class Submission:
    """One submission as its directory tells it.

    Attributes:
        directory: below ``runs/<sweep>/.slurm``.
        content: of ``submission.json``.
    """

    directory: Path
    content: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The jobs' name, unique in the queue."""
        return str(self.content["name"])

    @property
    def user(self) -> str:
        """Whose jobs they are."""
        return str(self.content["user"])

    @property
    def shares(self) -> list[tuple[Path, list[Path]]]:
        """Per job, in the array's order: its share's file and its runs' directories."""
        root = self.directory.parents[1]
        return [
            (self.directory / share["file"], [root / run for run in share["runs"]])
            for share in self.content["shares"]
        ]

    def job_ids(self, queue: Queue) -> list[str | None]:
        """Per job its id. Where the submitting process died before it could note the id, the queue has it."""
        base = self.content.get("job_id") or queue.names.get(self.name)
        n = len(self.content["shares"])
        if base is None:
            return [None] * n
        return [str(base)] if n == 1 else [f"{base}_{index}" for index in range(n)]

    def output(self, job_id: str) -> Path:
        """Where submitit has a job write."""
        return self.directory / "jobs" / f"{job_id}_0_log.out"

    def cancelled(self) -> set[str]:
        """Runs that are no longer wanted, as :func:`relative` names them."""
        path = self.directory / "cancelled.json"
        return set(read_json(path)["runs"]) if path.exists() else set()

    def cancel(self, runs: Iterable[str]) -> None:
        """Tell the jobs that these runs are no longer wanted."""
        path = self.directory / "cancelled.json"
        write_json(path, {"runs": sorted(self.cancelled() | set(runs))})


def current_user() -> str:
    """The name under which this process submits."""
    return getpass.getuser()


def relative(run: Path, sweep_directory: Path) -> str:
    """A run's name in these files: its directory below the sweep's."""
    return run.relative_to(sweep_directory).as_posix()


def count_cancellations(sweep_directory: Path) -> int:
    """How often the sweep was cancelled; a watcher that finds it changed submits no more."""
    path = sweep_directory / CANCELLED
    return int(read_json(path)["times"]) if path.exists() else 0


def note_cancellation(sweep_directory: Path) -> None:
    """Tell watchers, wherever they run, that the sweep is cancelled."""
    write_json(sweep_directory / CANCELLED, {"times": count_cancellations(sweep_directory) + 1})


def begin(
    sweep_directory: Path,
    sweep: str,
    shares: Sequence[tuple[str, Sequence[Path], float | None]],
    profile: str,
    backend: str,
) -> Submission:
    """Write ``submission.json`` before anything is submitted.

    Args:
        sweep_directory: ``runs/<sweep>``.
        sweep: its name.
        shares: per job the name of its file, its runs' directories, and the seconds that it was expected to
            take when it was packed.
        profile: its name.
        backend: what gives it as ``--backend``.
    """
    root = sweep_directory / FOLDER
    root.mkdir(parents=True, exist_ok=True)
    stamp, number = time.strftime("%Y%m%d-%H%M%S"), 1
    while True:
        directory = root / f"{stamp}-{number}"
        try:
            directory.mkdir()
            break
        except FileExistsError:
            number += 1
    content = {
        "version": VERSION,
        "name": f"harness-{sweep}-{directory.name}",
        "user": current_user(),
        "profile": profile,
        "backend": backend,
        "submitted": time.time(),
        "job_id": None,
        "shares": [
            {
                "file": name,
                "runs": [relative(run, sweep_directory) for run in runs],
                "expected_seconds": seconds,
            }
            for name, runs, seconds in shares
        ],
    }
    try:
        write_json(directory / "submission.json", content)
    except OSError:
        directory.rmdir()
        raise
    return Submission(directory, content)


def note_job(submission: Submission, job_id: str) -> None:
    """Add the id that sbatch gave: of the array, or of the only job."""
    write_json(submission.directory / "submission.json", {**submission.content, "job_id": job_id})


def read_submissions(sweep_directory: Path) -> list[Submission]:
    """All submissions of a sweep, the oldest first.

    Raises:
        RecordError: a damaged file, or one of another version.
    """
    found = []
    for path in sorted((sweep_directory / FOLDER).glob("*/submission.json")):
        content = read_json(path)
        if content.get("version") != VERSION:
            raise RecordError(f"{path}: version is {content.get('version')!r}, expected {VERSION}")
        found.append(Submission(path.parent, content))
    return sorted(found, key=lambda submission: float(submission.content["submitted"]))


class Jobs:
    """Which job holds a run, and what the scheduler says of it. The scheduler is asked once, when needed.

    A run that was submitted twice belongs to the job that is in the queue, else to its newest submission;
    which is the newest depends on clocks. One that was cancelled belongs to none.
    """

    def __init__(self, sweep_directory: Path) -> None:
        self.directory = sweep_directory
        self.submissions = read_submissions(sweep_directory)
        self._accounts: dict[str, dict[str, str]] = {}

    @cached_property
    def queue(self) -> Queue:
        """The users' jobs."""
        users = {submission.user for submission in self.submissions}
        return read_queue(users) if users else Queue({}, {}, answered=True)

    @cached_property
    def holders(self) -> dict[str, tuple[Submission, str | None]]:
        """Run (named as :func:`relative` does) to its submission and its job's id."""
        found: dict[str, tuple[Submission, str | None]] = {}
        for submission in self.submissions:
            cancelled = submission.cancelled()
            ids = submission.job_ids(self.queue)
            for job_id, share in zip(ids, submission.content["shares"], strict=True):
                waits = self._in_queue(submission, job_id)
                for run in share["runs"]:
                    if not waits and self._in_queue(*found.get(run, (submission, None))):
                        continue
                    if run in cancelled:
                        found.pop(run, None)
                    else:
                        found[run] = (submission, job_id)
        return found

    def _in_queue(self, submission: Submission, job_id: str | None) -> bool:
        return job_id is not None and self.queue.state(job_id, submission.name) is not None

    @property
    def silent(self) -> bool:
        """Whether the scheduler was asked and did not answer."""
        return "queue" in self.__dict__ and not self.queue.answered

    def of(self, record: RunRecord) -> Job | None:
        """The scheduler's word on the job that holds ``record``; ``None`` if none does."""
        if not self.submissions:
            return None
        submission, job_id = self.holders.get(relative(record.directory, self.directory), (None, None))
        if submission is None or job_id is None:  # never submitted, or it never came into the queue
            return None
        name = submission.name
        job = judge(job_id, name, self.queue, lambda: self._accounting(job_id.split("_")[0], name))
        return replace(job, output=submission.output(job_id))

    def _accounting(self, job_id: str, name: str) -> dict[str, str]:
        if name not in self._accounts:
            self._accounts[name] = read_accounting(job_id, name)
        return self._accounts[name]

    def live(self) -> list[tuple[Submission, str, list[str]]]:
        """Jobs in the queue, or all if it does not answer: submission, id, and its runs."""
        found = []
        for submission in self.submissions:
            ids = submission.job_ids(self.queue)
            for job_id, share in zip(ids, submission.content["shares"], strict=True):
                if job_id is None:
                    continue
                state = self.queue.state(job_id, submission.name)
                if not self.queue.answered or (state is not None and phase_of(state) != "ended"):
                    found.append((submission, job_id, list(share["runs"])))
        return found
