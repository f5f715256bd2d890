"""Runs into jobs, jobs into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.sweep.slurm.profile import Profile

T = TypeVar("T")


@dataclass(frozen=True)
class Packing(Generic[T]):
    """What is to be submitted.

    Attributes:
        arrays: per submission its jobs, per job its runs.
        left: runs that ``max_jobs`` leaves for later.
    """

    arrays: tuple[tuple[tuple[T, ...], ...], ...]
    left: tuple[T, ...]

    @property
    def jobs(self) -> tuple[tuple[T, ...], ...]:
        """All jobs."""
        return tuple(job for array in self.arrays for job in array)


def pack(runs: Sequence[T], profile: Profile, max_array_size: int, n_queued: int = 0) -> Packing[T]:
    """Fill jobs with ``runs`` in their order, and arrays with jobs.

    Args:
        runs: what is to run.
        profile: gives runs per job and limits.
        max_array_size: jobs that the cluster takes in one array.
        n_queued: jobs of the user that are in the queue already; they count against ``max_jobs``.
    """
    jobs = [tuple(runs[start : start + profile.share]) for start in range(0, len(runs), profile.share)]
    room = len(jobs) if profile.max_jobs is None else max(0, profile.max_jobs - n_queued)
    size = min(max_array_size, profile.max_array_size or max_array_size)
    taken = jobs[:room]
    arrays = tuple(tuple(taken[start : start + size]) for start in range(0, len(taken), size))
    return Packing(arrays, tuple(run for job in jobs[room:] for run in job))
