"""Runs into jobs, jobs into arrays: nothing is left out, and no limit is passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sweep.slurm.packing import START_SECONDS, Packing, makespan, pack
from harness.sweep.slurm.profile import Profile

MakeProfile = Callable[..., Profile]


def by_job(packing: Packing[Any]) -> list[tuple[Any, ...]]:
    return [job.runs for job in packing.jobs]


@pytest.mark.parametrize(
    ("durations", "places", "expected"),
    [([], 2, 0.0), ([3, 3, 3], 2, 6.0), ([5, 1, 1, 1], 2, 5.0), ([2], 9, 2.0)],
)
def test_makespan(durations: list[float], places: int, expected: float) -> None:
    assert makespan(durations, places) == expected


def test_twelve_runs_two_a_job_five_jobs_an_array(profile: MakeProfile) -> None:
    packing = pack(range(12), profile(runs_per_job=2), 5)
    assert [len(array) for array in packing.arrays] == [5, 1]
    assert packing.jobs[0].runs == (0, 1)
    assert packing.left == ()


def test_the_queue_s_jobs_count_against_the_limit(profile: MakeProfile) -> None:
    packing = pack(range(12), profile(runs_per_job=2, max_jobs=4), 1001, n_queued=3)
    assert by_job(packing) == [(0, 1)]
    assert packing.left == tuple(range(2, 12))
    assert pack(range(3), profile(max_jobs=2), 1001, n_queued=9).arrays == ()


@pytest.fixture
def hour(profile: MakeProfile) -> Profile:
    """5 runs a job, 2 at a time, and 3400 s until the signal may come."""
    return profile(walltime="1:00:00", signal_seconds=140, gpus_per_job=1, runs_per_gpu=2, runs_per_job=5)


def test_a_job_is_no_longer_than_the_walltime(hour: Profile) -> None:
    thousand = 1000 - START_SECONDS
    packing = pack(range(12), hour, 1001, seconds=lambda _: thousand)
    assert by_job(packing) == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9), (10, 11)]
    assert [job.seconds for job in packing.jobs] == [3000.0, 3000.0, 1000.0]
    assert (packing.n_cut, packing.n_put_back) == (0, 0)
    packing = pack(range(6), hour, 1001, seconds=lambda _: 2 * thousand)
    assert by_job(packing) == [(0, 1), (2, 3), (4, 5)]  # a third would have to wait for a place
    assert (packing.n_cut, packing.n_put_back) == (2, 0)


def test_to_the_second(hour: Profile) -> None:
    exactly = 3400 / 2 - START_SECONDS
    assert len(pack(range(4), hour, 1001, seconds=lambda _: exactly).jobs) == 1
    assert len(pack(range(4), hour, 1001, seconds=lambda _: exactly + 0.1).jobs) == 2


def test_runs_too_long_for_the_walltime_go_together_in_one_wave(hour: Profile) -> None:
    long = {0, 3, 4}
    packing = pack(range(7), hour, 1001, seconds=lambda run: 9000.0 if run in long else 100.0)
    assert by_job(packing) == [(0, 3), (1, 2, 5, 6), (4,)]
    assert [job.length for job in packing.jobs] == ["too long", "fits", "too long"]
    assert packing.n_put_back == 2


def test_runs_of_unknown_length_are_counted_only(hour: Profile) -> None:
    packing = pack(range(9), hour, 1001, seconds=lambda run: None if run % 3 else 3000.0)
    assert by_job(packing) == [(0, 3), (1, 2, 4, 5, 7), (6,), (8,)]
    assert [job.seconds is None for job in packing.jobs] == [False, True, False, True]
    assert (packing.n_cut, packing.n_put_back) == (1, 0)


@given(
    lengths=st.lists(st.none() | st.floats(0, 6000), max_size=100),
    share=st.integers(1, 20),
    places=st.integers(1, 5),
    array=st.integers(1, 30),
    own=st.none() | st.integers(1, 30),
    limit=st.none() | st.integers(1, 40),
    queued=st.integers(0, 50),
)
def test_every_run_once_and_within_every_limit(
    lengths: list[float | None],
    share: int,
    places: int,
    array: int,
    own: int | None,
    limit: int | None,
    queued: int,
) -> None:
    content = {"name": "p", "walltime": "1:00:00", "gpus_per_job": 1, "runs_per_gpu": places}
    profile = Profile.model_validate(
        {**content, "runs_per_job": share, "max_array_size": own, "max_jobs": limit}
    )
    packing = pack(range(len(lengths)), profile, array, queued, lengths.__getitem__)
    runs = [run for job in packing.jobs for run in job.runs] + list(packing.left)
    assert sorted(runs) == list(range(len(lengths)))
    assert [job.runs[0] for job in packing.jobs] == sorted(job.runs[0] for job in packing.jobs)
    for job in packing.jobs:
        assert list(job.runs) == sorted(job.runs)
        assert 1 <= len(job.runs) <= share
        known = [START_SECONDS + length for run in job.runs if (length := lengths[run]) is not None]
        assert len(known) == (0 if job.length == "unknown" else len(job.runs))
        assert job.seconds == (makespan(known, profile.at_once) if known else None)
        if job.length == "fits":
            assert max(known) <= makespan(known, profile.at_once) <= profile.train_seconds
        elif job.length == "too long":
            assert min(known) > profile.train_seconds
            assert len(job.runs) <= profile.at_once
    assert all(1 <= len(jobs) <= min(array, own or array) for jobs in packing.arrays)
    if limit is None:
        assert not packing.left
    else:
        assert len(packing.jobs) <= max(0, limit - queued)
