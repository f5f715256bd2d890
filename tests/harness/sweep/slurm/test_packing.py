"""Runs into jobs, jobs into arrays: nothing is left out, and no limit is passed."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from harness.sweep.slurm.packing import pack
from harness.sweep.slurm.profile import Profile


def test_twelve_runs_two_a_job_five_jobs_an_array(profile: Callable[..., Profile]) -> None:
    packing = pack(range(12), profile(runs_per_job=2), 5)
    assert [len(array) for array in packing.arrays] == [5, 1]
    assert packing.jobs[0] == (0, 1)
    assert packing.left == ()


def test_the_queue_s_jobs_count_against_the_limit(profile: Callable[..., Profile]) -> None:
    packing = pack(range(12), profile(runs_per_job=2, max_jobs=4), 1001, n_queued=3)
    assert packing.arrays == (((0, 1),),)
    assert packing.left == tuple(range(2, 12))
    assert pack(range(3), profile(max_jobs=2), 1001, n_queued=9).arrays == ()


@given(
    n_runs=st.integers(0, 200),
    share=st.integers(1, 20),
    array=st.integers(1, 30),
    own=st.none() | st.integers(1, 30),
    limit=st.none() | st.integers(1, 40),
    queued=st.integers(0, 50),
)
def test_every_run_once_and_in_order(
    n_runs: int, share: int, array: int, own: int | None, limit: int | None, queued: int
) -> None:
    profile = Profile.model_validate(
        {"name": "p", "walltime": "1:00:00", "runs_per_job": share, "max_array_size": own, "max_jobs": limit}
    )
    packing = pack(range(n_runs), profile, array, queued)
    assert [run for job in packing.jobs for run in job] + list(packing.left) == list(range(n_runs))
    assert all(1 <= len(job) <= share for job in packing.jobs)
    assert all(1 <= len(jobs) <= min(array, own or array) for jobs in packing.arrays)
    if limit is None:
        assert not packing.left
    else:
        assert len(packing.jobs) <= max(0, limit - queued)
