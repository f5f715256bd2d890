"""What a plan costs: from earlier runs, and unknown without them."""

from __future__ import annotations

import json
import time
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
from harness.sweep.price import Measured, Price, kind_of, makespan, measure, price_local, price_slurm
from harness.sweep.slurm.packing import pack
from harness.sweep.slurm.profile import Profile

MakeRun = Callable[..., PlannedRun]


def finished(run: PlannedRun, steps_per_second: float | None, cpu: str, **changes: Any) -> None:
    record = run.record
    record.create({**run.spec.to_json(), **changes}, run.sweep)
    record.begin_attempt({"cpu": cpu})
    record.set_status("done", timesteps=100, n_timesteps=100, steps_per_second=steps_per_second)


@pytest.mark.parametrize(
    ("durations", "places", "expected"),
    [([], 2, 0.0), ([3, 3, 3], 2, 6.0), ([5, 1, 1, 1], 2, 5.0), ([2], 9, 2.0)],
)
def test_makespan(durations: list[float], places: int, expected: float) -> None:
    assert makespan(durations, places) == expected


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
    runs = [fake_run(seed) for seed in range(5)]
    measured = {kind_of(runs[0].spec): Measured(steps_per_second=1.0, size=1000.0)}
    local = price_local(runs, 2, measured)
    assert (local.n_runs, local.n_jobs, local.wall_seconds) == (5, 0, 300.0)
    assert (local.cpu_hours, local.gpu_hours) == (pytest.approx(500 / 3600), 0.0)
    assert local.disk_bytes == 5000.0

    keys = {"name": "p", "walltime": "1:00:00", "gpus_per_job": 1, "runs_per_gpu": 2, "array_parallelism": 2}
    profile = Profile.model_validate({**keys, "cpus_per_run": 3})
    price = price_slurm(pack(runs, profile, 1001), profile, measured)
    assert (price.n_runs, price.n_jobs, price.arrays) == (5, 3, (3,))
    assert price.wall_seconds == 200.0  # two jobs at once, then the third
    assert price.gpu_hours == pytest.approx(300 / 3600)
    assert price.cpu_hours == pytest.approx(6 * 300 / 3600)
    limited = profile.model_copy(update={"max_jobs": 1})
    assert price_slurm(pack(runs, limited, 1001), limited, measured).n_left == 3


def test_what_is_half_done_costs_half(fake_run: MakeRun) -> None:
    run = fake_run(0)
    run.record.create(run.spec.to_json(), "s")
    run.record.set_status("preempted", timesteps=50, n_timesteps=100)
    measured = {kind_of(run.spec): Measured(1.0, 1.0)}
    again = PlannedRun(run.spec, "s", run.record, "preempted")
    assert price_local([again], 1, measured).wall_seconds == 50.0


def test_without_a_measurement_it_is_unknown(fake_run: MakeRun) -> None:
    runs = [fake_run(0), fake_run(1)]
    price = price_local(runs, 2, {})
    assert (price.cpu_hours, price.wall_seconds, price.disk_bytes) == (None, None, None)
    assert price.unmeasured == ("a2c on CartPole-v1",)
    profile = Profile.model_validate({"name": "p", "walltime": "1:00:00"})
    priced = price_slurm(pack(runs, profile, 1001), profile, {})
    assert (priced.cpu_hours, priced.gpu_hours, priced.wall_seconds) == (None, 0.0, None)


def test_ten_thousand_runs_are_planned_and_priced_quickly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 s is the aim on an idle machine; CPU time is what is measured, since the machine may be busy."""
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text('walltime: "1:00:00"\nruns_per_job: 8\n')
    Path("s.yaml").write_text("n_timesteps: 1000\nseeds: 10000\nenvs: [CartPole-v1]\nalgos: [a2c]\n")
    begun = time.process_time()
    shown = CliRunner().invoke(app, ["sweep", "s.yaml", "--dry-run", "--backend", "./p.yaml"])
    seconds = time.process_time() - begun
    assert shown.exit_code == 0, shown.output
    assert "to start on ./p.yaml: 10,000 runs in 1,250 jobs, " in shown.stdout
    assert "wall-clock unknown" in shown.stdout
    assert seconds < 2.0
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
        "unknown: no finished run here yet of a on x, b on x, c on x and 1 more",
    ]


def test_jobs_that_need_longer_than_the_walltime_are_counted(fake_run: MakeRun) -> None:
    runs = [fake_run(seed) for seed in range(6)]  # 100 timesteps each
    measured = {kind_of(runs[0].spec): Measured(0.1, 1.0)}  # 1000 s a run
    content = {"name": "p", "walltime": "1:00:00", "gpus_per_job": 1, "signal_seconds": 700}
    fits = Profile.model_validate({**content, "runs_per_job": 2})
    longer = Profile.model_validate({**content, "runs_per_job": 3})
    assert price_slurm(pack(runs, fits, 1001), fits, measured).n_put_back == 0
    price = price_slurm(pack(runs, longer, 1001), longer, measured)
    assert price.n_put_back == 2
    assert "longer than the walltime: 2 jobs; put back" in "\n".join(price_lines(price, "p"))
