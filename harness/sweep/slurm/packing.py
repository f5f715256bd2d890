"""Runs into jobs, jobs into arrays.

A job is given no more runs than fit its walltime, as far as it is known how long they take. Runs that do not
fit even alone go together, as many as run at the same time: their job is put back until they are done. Runs
of unknown length are counted only.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from harness.sweep.slurm.profile import Profile

T = TypeVar("T")
Length = Literal["fits", "too long", "unknown"]
"""Of a run, beside the walltime."""

Seconds = Callable[[T], float | None]
"""How long a run will train; ``None`` where it is not known."""

START_SECONDS = 10.0
"""Until a worker trains: imports, environments, its checkpoint."""


@dataclass(frozen=True)
class PackedJob(Generic[T]):
    """A job that is to be submitted.

    Attributes:
        runs: in the order in which they start.
        length: what its runs have in common.
        seconds: until the last of them ends; ``None`` where that is not known.
        cut: whether ``runs_per_job`` would have let it have more runs, and the walltime does not.
    """

    runs: tuple[T, ...]
    length: Length = "unknown"
    seconds: float | None = None
    cut: bool = False


@dataclass(frozen=True)
class Packing(Generic[T]):
    """What is to be submitted.

    Attributes:
        arrays: the jobs of each submission.
        left: runs that ``max_jobs`` leaves for later.
    """

    arrays: tuple[tuple[PackedJob[T], ...], ...]
    left: tuple[T, ...]

    @property
    def jobs(self) -> tuple[PackedJob[T], ...]:
        """All jobs."""
        return tuple(job for array in self.arrays for job in array)

    @property
    def n_cut(self) -> int:
        """Jobs that the walltime keeps from having more runs."""
        return sum(job.cut for job in self.jobs)

    @property
    def n_put_back(self) -> int:
        """Jobs whose runs do not fit the walltime; they go on in another start."""
        return sum(job.length == "too long" for job in self.jobs)


def pack(
    runs: Sequence[T],
    profile: Profile,
    max_array_size: int,
    n_queued: int = 0,
    seconds: Seconds[T] | None = None,
) -> Packing[T]:
    """Fill jobs with ``runs`` in their order, and arrays with jobs. The same arguments give the same jobs.

    Args:
        runs: what is to run.
        profile: gives walltime, runs per job and limits.
        max_array_size: jobs that the cluster takes in one array.
        n_queued: jobs of the user that are in the queue already; they count against ``max_jobs``.
        seconds: how long each run will train; left out, none is known.
    """
    jobs = _fill(runs, profile, seconds or (lambda _: None))
    room = len(jobs) if profile.max_jobs is None else max(0, profile.max_jobs - n_queued)
    size = min(max_array_size, profile.max_array_size or max_array_size)
    taken = jobs[:room]
    arrays = tuple(tuple(taken[start : start + size]) for start in range(0, len(taken), size))
    return Packing(arrays, tuple(run for job in jobs[room:] for run in job.runs))


def makespan(durations: Iterable[float], places: int) -> float:
    """When the last ends if each, in order, takes the first place that becomes free."""
    free = [0.0] * places
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)


class _Filling(Generic[T]):
    """A job that still takes runs of its length."""

    def __init__(self, length: Length, profile: Profile) -> None:
        self.length = length
        self.runs: list[T] = []
        self.cut = False
        self._places = [0.0] * profile.at_once
        self._share = profile.share
        self._most = min(profile.at_once, profile.share) if length == "too long" else profile.share
        self._limit = profile.train_seconds if length == "fits" else math.inf

    def takes(self, duration: float) -> bool:
        """Whether there is room for a run; if not, note whether the walltime is why."""
        fits = len(self.runs) < self._most and self._places[0] + duration <= self._limit
        self.cut = not fits and len(self.runs) < self._share
        return fits

    def add(self, run: T, duration: float) -> None:
        self.runs.append(run)
        heapq.heapreplace(self._places, self._places[0] + duration)

    def packed(self) -> PackedJob[T]:
        seconds = None if self.length == "unknown" else max(self._places)
        return PackedJob(tuple(self.runs), self.length, seconds, self.cut)


def _fill(runs: Sequence[T], profile: Profile, seconds: Seconds[T]) -> list[PackedJob[T]]:
    """Jobs by their first runs; a job holds runs of one length, and closes when the next such has no room."""
    jobs: list[_Filling[T]] = []
    last: dict[Length, _Filling[T]] = {}
    for run in runs:
        known = seconds(run)
        duration = START_SECONDS + (known or 0.0)
        length: Length = "unknown" if known is None else "fits"
        if known is not None and duration > profile.train_seconds:
            length = "too long"
        if length not in last or not last[length].takes(duration):
            last[length] = _Filling(length, profile)
            jobs.append(last[length])
        last[length].add(run, duration)
    return [job.packed() for job in jobs]
