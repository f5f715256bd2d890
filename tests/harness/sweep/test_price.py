"""What a plan costs: from earlier runs, and unknown without them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.commands.price import price_lines
from harness.provenance import cpu_model
from harness.sweep.plan import PlannedRun
from harness.sweep.price import (
    Kind,
    Measured,
    Price,
    kind_of,
    measure,
    price_local,
    price_slurm,
    train_seconds,
)
from harness.sweep.slurm.packing import START_SECONDS, Packing, pack
from harness.sweep.slurm.profile import Profile

MakeRun = Callable[..., PlannedRun]


def finished(run: PlannedRun, steps_per_second: float | None, cpu: str, **changes: Any) -> None:
    record = run.record
    record.create({**run.spec.to_json(), **changes}, run.sweep)
    record.begin_attempt({"cpu": cpu})
    record.set_status("done", timesteps=100, n_timesteps=100, steps_per_second=steps_per_second)


def packed(
    runs: list[PlannedRun], profile: Profile, measured: dict[Kind, Measured], fresh: bool = False
) -> Packing[PlannedRun]:
    return pack(runs, profile, 1001, seconds=lambda run: train_seconds(run, measured, fresh))


def test_the_median_of_finished_runs_on_this_cpu(fake_run: MakeRun, tmp_path: Path) -> None:
    for seed, speed in enumerate([10.0, 20.0, 40.0]):
        finished(fake_run(seed), speed, cpu_model())
    finished(fake_run(3), 1000.0, "another CPU")
    finished(fake_run(4), None, cpu_model())
    finished(fake_run(5), 1000.0, cpu_model(), algo="acktr")
    running = fake_run(6)
    finished(running, 1000.0, cpu_model())
    running.record.set_status("running", timesteps=1, steps_per_second=1000.0)
    damaged = fake_run(7, end="other")
    finished(damaged, 1000.0, cpu_model())
    damaged.record.status_file.write_text("{")
    kind = kind_of(running.spec)
    measured = measure(tmp_path / "runs", [kind])
    assert measured[kind].steps_per_second == 20.0
    assert measured[kind].size == median(fake_size(fake_run(seed)) for seed in range(3))
    assert measure(tmp_path / "nowhere", [kind]) == {}


def fake_size(run: PlannedRun) -> int:
    return sum(path.stat().st_size for path in run.record.directory.iterdir())


def test_a_cluster_s_speed_is_that_of_runs_under_its_profile(fake_run: MakeRun, tmp_path: Path) -> None:
    here, there = fake_run(0), fake_run(1)
    finished(here, 10.0, cpu_model())
    finished(there, 80.0, "a node's CPU")
    folder = tmp_path / "runs" / "s" / ".slurm" / "x-1"
    folder.mkdir(parents=True)
    directory = there.record.directory.relative_to(tmp_path / "runs" / "s").as_posix()
    content = {
        "version": 1,
        "name": "n",
        "user": "me",
        "profile": "big",
        "submitted": 0.0,
        "job_id": "5",
        "shares": [{"file": "share-0000.json", "runs": [directory]}],
    }
    (folder / "submission.json").write_text(json.dumps(content))
    kind = kind_of(here.spec)
    profile = Profile.model_validate({"name": "big", "walltime": "1:00:00"})
    assert measure(tmp_path / "runs", [kind], profile)[kind].steps_per_second == 80.0
    assert measure(tmp_path / "runs", [kind], profile.model_copy(update={"name": "other"})) == {}


def test_hours_and_wall_clock(fake_run: MakeRun) -> None:
    """Five runs of 100 s; two at a time on one machine, then two a job with two jobs at a time."""
    runs, each = [fake_run(seed) for seed in range(5)], 100 + START_SECONDS
    measured = {kind_of(runs[0].spec): Measured(steps_per_second=1.0, size=1000.0)}
    local = price_local(runs, 2, measured)
    assert (local.n_runs, local.n_jobs, local.wall_seconds) == (5, 0, 3 * each)
    assert (local.cpu_hours, local.gpu_hours) == (pytest.approx(5 * each / 3600), 0.0)
    assert local.disk_bytes == 5000.0

    keys = {"name": "p", "walltime": "1:00:00", "gpus_per_job": 1, "runs_per_gpu": 2, "array_parallelism": 2}
    profile = Profile.model_validate({**keys, "cpus_per_run": 3})
    price = price_slurm(packed(runs, profile, measured), profile, measured)
    assert (price.n_runs, price.n_jobs, price.arrays) == (5, 3, (3,))
    assert price.wall_seconds == 2 * each  # two jobs at once, then the third
    assert price.gpu_hours == pytest.approx(3 * each / 3600)
    assert price.cpu_hours == pytest.approx(6 * 3 * each / 3600)
    limited = profile.model_copy(update={"max_jobs": 1})
    assert price_slurm(packed(runs, limited, measured), limited, measured).n_left == 3


def test_what_is_half_done_costs_half(fake_run: MakeRun) -> None:
    run = fake_run(0)
    run.record.create(run.spec.to_json(), "s")
    run.record.set_status("preempted", timesteps=50, n_timesteps=100)
    measured = {kind_of(run.spec): Measured(1.0, 1.0)}
    again = PlannedRun(run.spec, "s", run.record, "preempted")
    assert price_local([again], 1, measured).wall_seconds == 50 + START_SECONDS
    assert price_local([again], 1, measured, fresh=True).wall_seconds == 100 + START_SECONDS


def test_without_a_measurement_it_is_unknown(fake_run: MakeRun) -> None:
    runs = [fake_run(0), fake_run(1)]
    price = price_local(runs, 2, {})
    assert (price.cpu_hours, price.wall_seconds, price.disk_bytes) == (None, None, None)
    assert price.unmeasured == ("a2c on CartPole-v1",)
    profile = Profile.model_validate({"name": "p", "walltime": "1:00:00"})
    priced = price_slurm(packed(runs, profile, {}), profile, {})
    assert (priced.cpu_hours, priced.gpu_hours, priced.wall_seconds) == (None, 0.0, None)


def test_ten_thousand_runs_are_planned_and_priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its seconds: ``tests/benchmarks/bench_plan.py``."""
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text('walltime: "1:00:00"\nruns_per_job: 8\n')
    Path("s.yaml").write_text("n_timesteps: 1000\nseeds: 10000\nenvs: [CartPole-v1]\nalgos: [a2c]\n")
    shown = CliRunner().invoke(app, ["sweep", "s.yaml", "--dry-run", "--backend", "./p.yaml"])
    assert shown.exit_code == 0, shown.output
    assert "to start on ./p.yaml: 10,000 runs in 1,250 jobs, " in shown.stdout
    assert "wall-clock unknown" in shown.stdout
    assert not Path("runs").exists()


def test_lines() -> None:
    price = Price(1, 0, (), 0, 1.5, 0.0, 3723.0, 2.5e9, ())
    assert price_lines(price, "local") == [
        "to start on local: 1 run",
        "cost: 1.5 CPU-hours, 0 GPU-hours, wall-clock 1:02:03, disk 2.5 GB",
    ]
    price = Price(
        1200, 300, (100, 100, 99, 1), 7, None, None, None, None, ("a on x", "b on x", "c on x", "d on x")
    )
    assert price_lines(price, "gpu") == [
        "to start on gpu: 1,200 runs in 300 jobs, 4 arrays (100, 100, 99, …)",
        "left for later: 7 runs (max_jobs of the profile)",
        "cost: unknown CPU-hours, unknown GPU-hours, wall-clock unknown, disk unknown",
        "unknown: no finished run here yet of a on x, b on x, c on x and 1 more; "
        "their jobs are put back where the walltime is too short",
    ]


def test_jobs_that_the_walltime_cuts_and_those_it_is_too_short_for_are_counted(fake_run: MakeRun) -> None:
    runs = [fake_run(seed) for seed in range(7)]  # 100 timesteps each
    content = {"name": "p", "walltime": "1:00:00", "gpus_per_job": 1, "signal_seconds": 700}
    profile = Profile.model_validate({**content, "runs_per_job": 3})  # 2840 s until the signal may come
    thousand = {kind_of(runs[0].spec): Measured(0.1, 1.0)}
    price = price_slurm(packed(runs, profile, thousand), profile, thousand)
    assert (price.n_jobs, price.n_cut, price.n_put_back) == (4, 3, 0)
    assert (
        price_lines(price, "p")[-1] == "fewer runs a job than runs_per_job, because of the walltime: 3 jobs"
    )
    hours = {kind_of(runs[0].spec): Measured(0.01, 1.0)}
    price = price_slurm(packed(runs, profile, hours), profile, hours)
    assert (price.n_jobs, price.n_put_back) == (7, 7)
    assert (
        price_lines(price, "p")[-1] == "runs longer than the walltime: 7 jobs, put back until they are done"
    )
