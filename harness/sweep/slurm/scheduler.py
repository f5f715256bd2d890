"""The scheduler's view of jobs: one ``squeue`` for all, ``sacct`` for those that have left the queue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.sweep.slurm.commands import SlurmError, slurm

Phase = Literal["queued", "running", "ended", "unknown"]
_PHASES: dict[str, Phase] = {
    "PENDING": "queued",
    "REQUEUED": "queued",
    "REQUEUE_FED": "queued",
    "REQUEUE_HOLD": "queued",
    "RESV_DEL_HOLD": "queued",
    "SPECIAL_EXIT": "queued",
    "COMPLETING": "running",
    "CONFIGURING": "running",
    "RESIZING": "running",
    "RUNNING": "running",
    "SIGNALING": "running",
    "STAGE_OUT": "running",
    "STOPPED": "running",
    "SUSPENDED": "running",
    "BOOT_FAIL": "ended",
    "CANCELLED": "ended",
    "COMPLETED": "ended",
    "DEADLINE": "ended",
    "FAILED": "ended",
    "NODE_FAIL": "ended",
    "OUT_OF_MEMORY": "ended",
    "PREEMPTED": "ended",
    "REVOKED": "ended",
    "TIMEOUT": "ended",
}
_TASKS = re.compile(r"^(\d+)_\[([^\]%]*)(?:%\d+)?\]?\Z")
MAX_TASKS = 1_000_000


@dataclass(frozen=True)
class Job:
    """What the scheduler says of a job.

    Attributes:
        phase: ``ended`` too for a job that it no longer knows; ``unknown`` where it did not answer or gave a
            state that is not in its documentation. Unknown is never taken for ended.
        said: its own word, for the user.
        output: where the job's own output lies, if that is known.
    """

    phase: Phase
    said: str
    output: Path | None = None


def phase_of(word: str) -> Phase:
    """The phase behind a state's name: ``CANCELLED by 1000``, ``OUT_OF_ME+`` and ``timeout`` are read too."""
    name = word.strip().split(" ")[0].upper()
    if name in _PHASES:
        return _PHASES[name]
    cut = name.rstrip("+")
    meant = {phase for state, phase in _PHASES.items() if len(cut) >= 4 and state.startswith(cut)}
    return meant.pop() if len(meant) == 1 else "unknown"


def job_ids(text: str) -> list[str]:
    """``7_[0-2,5%3]`` as ``7_0 7_1 7_2 7_5``; any other id as it stands. What is no id gives nothing."""
    match = _TASKS.match(text)
    if match is None:
        return [text] if re.match(r"^\d+(?:_\d+)?\Z", text) else []
    found = []
    for part in match.group(2).split(","):
        bounds = re.match(r"^(\d+)(?:-(\d+)(?::(\d+))?)?\Z", part)
        if bounds is None:  # "..." of a list that was cut off
            continue
        first, last, step = int(bounds[1]), int(bounds[2] or bounds[1]), int(bounds[3] or 1)
        if last - first < MAX_TASKS:
            found += [f"{match.group(1)}_{index}" for index in range(first, last + 1, max(1, step))]
    return found


@dataclass(frozen=True)
class Queue:
    """The jobs in the queue: state by id, and id by name. ``answered`` is false where squeue failed."""

    states: Mapping[str, str]
    names: Mapping[str, str]
    answered: bool

    def state(self, job_id: str, name: str) -> str | None:
        """The state of a job; ``None`` where no job of this id and name is in the queue.

        A cluster gives its ids again after a reset; only the name tells whose the id is.
        """
        return self.states.get(job_id) if self.names.get(name) == job_id.split("_")[0] else None


def read_queue(users: Iterable[str]) -> Queue:
    """All jobs of ``users``, from one ``squeue``; if that fails, the queue is one without an answer."""
    try:
        text = slurm(
            "squeue", "--noheader", "--array", f"--users={','.join(sorted(users))}", "-o", "%i|%T|%j"
        )
    except SlurmError:
        return Queue({}, {}, answered=False)
    states: dict[str, str] = {}
    names: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.strip().split("|", 2)
        if len(parts) == 3:
            for job_id in job_ids(parts[0]):
                states[job_id] = parts[1]
                names[parts[2]] = job_id.split("_")[0]
    return Queue(states, names, answered=True)


def judge(job_id: str, name: str, queue: Queue, accounting: Callable[[], Mapping[str, str]]) -> Job:
    """What is known of a job.

    A job that is in an answered queue is what the queue says. One that is not has ended, and accounting may
    know how; a state from there that is not in Slurm's documentation leaves the job unknown.

    Args:
        job_id: ``7`` or ``7_0``.
        name: the job's.
        queue: from :func:`read_queue`.
        accounting: gives states by id; asked only where the queue does not have the job.
    """
    if not queue.answered:
        return Job("unknown", "squeue does not answer")
    if (state := queue.state(job_id, name)) is not None:
        return Job(phase_of(state), state)
    word = accounting().get(job_id)
    if word is None:
        return Job("ended", "no longer in the queue")
    return Job("unknown" if phase_of(word) == "unknown" else "ended", word)


def read_accounting(job_id: str, name: str) -> dict[str, str]:
    """The states that sacct has of the job or array called ``name``; empty where it does not answer."""
    try:
        text = slurm("sacct", "-n", "-P", "-X", "-j", job_id, "-o", "JobID,State,JobName")
    except SlurmError:
        return {}
    states: dict[str, str] = {}
    for line in text.splitlines():
        job, state, called = [*line.strip().split("|", 2), "", ""][:3]
        if called == name:
            states.update(dict.fromkeys(job_ids(job), state))
    return states
