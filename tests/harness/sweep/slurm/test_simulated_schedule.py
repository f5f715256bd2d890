"""The simulated cluster behind docs/scaling.md, against schedules worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from harness.sweep.slurm.profile import Profile

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    import sim_schedule

    return sim_schedule


def test_jobs_follow_each_other_on_one_gpu(simulation: ModuleType, profile: Callable[..., Profile]) -> None:
    jobs = [simulation.Job(0, [100.0]), simulation.Job(0, [50.0])]
    found = simulation.simulate(jobs, profile(gpus_per_job=1), 1)
    assert (found.wall, found.gpu_seconds, found.run_seconds) == (170.0, 170.0, 150.0)  # 10 s to start each
    assert (found.jobs, found.starts, found.most_runs) == (2, 2, 1)


def test_a_share_in_two_waves(simulation: ModuleType, profile: Callable[..., Profile]) -> None:
    jobs = [simulation.Job(0, [90.0, 40.0, 60.0])]
    found = simulation.simulate(jobs, profile(gpus_per_job=1, runs_per_gpu=2, runs_per_job=3), 8)
    assert found.wall == 120.0  # 40 and 60 on one place
    assert found.most_runs == 2


def test_what_needs_longer_than_the_walltime_is_put_back(
    simulation: ModuleType, profile: Callable[..., Profile]
) -> None:
    short = profile(gpus_per_job=1, walltime="0:10:00", signal_seconds=120)
    found = simulation.simulate([simulation.Job(0, [1000.0])], short, 1)
    assert found.starts == 3
    assert found.wall == 480 + 120 + 480 + 120 + 70  # 470 s of training in each full one


def test_an_array_s_parallelism_holds(simulation: ModuleType, profile: Callable[..., Profile]) -> None:
    narrow = profile(gpus_per_job=1, array_parallelism=1)
    one_array = [simulation.Job(0, [90.0]), simulation.Job(0, [90.0])]
    assert simulation.simulate(one_array, narrow, 4).wall == 200.0
    two_arrays = [simulation.Job(0, [90.0]), simulation.Job(1, [90.0])]
    assert simulation.simulate(two_arrays, narrow, 4).wall == 100.0


def test_shares_end_within_the_walltime_where_rates_are_known(
    simulation: ModuleType, profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "seconds_of", lambda run, speed: run / speed)
    short = profile(gpus_per_job=1, runs_per_job=3, walltime="0:10:00", signal_seconds=120)
    known = list(simulation.submit([(300, 300, 300), (600,)], short, 2.0))
    assert [(job.array, share) for job, share in known] == [(0, (600,)), (1, (300, 300)), (1, (300,))]
    unknown = simulation.submit([(300, 300, 300)], short, 2.0, known=False)
    assert [job.left for job, _ in unknown] == [[150.0] * 3]


def test_the_programme_is_every_sweep_of_the_paper(simulation: ModuleType) -> None:
    own = {"kfac_cost_atari", "kfac_cost_mujoco", "quickstart"}
    assert {path.stem for path in (ROOT / "sweeps").glob("*.yaml")} - own == set(simulation.PROGRAMME)
