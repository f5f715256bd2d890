"""Where a sweep stands, from its directories alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.spec import SpecError
from harness.sweep.plan import PlannedRun
from harness.sweep.status import recorded_status, summarise

MakeRun = Callable[..., PlannedRun]


def test_counts_progress_speed_and_return(fake_run: MakeRun, tmp_path: Path) -> None:
    done, running, failed, pending = (fake_run(seed) for seed in range(4))
    for run in (done, running, failed, pending):
        run.record.create(run.spec.to_json(), "s")
    done.record.set_status("done", timesteps=100, n_timesteps=100, steps_per_second=50.0, last_return=10.0)
    running.record.set_status(
        "running", timesteps=40, n_timesteps=100, steps_per_second=20.0, last_return=4.0, pid=os.getpid()
    )
    failed.record.set_status("failed", timesteps=10, n_timesteps=100, error="it broke")
    status = recorded_status(tmp_path / "runs", "s")
    (row,) = status.rows
    assert (row.label, row.env_id) == ("a2c", "CartPole-v1")
    assert {state: n for state, n in row.counts.items() if n} == {
        "done": 1,
        "running": 1,
        "failed": 1,
        "pending": 1,
    }
    assert row.progress == pytest.approx(150 / 400)
    assert row.steps_per_second == 20.0
    assert row.seconds_left == pytest.approx((60 + 90 + 100) / 20)
    assert row.last_return == pytest.approx(7.0)
    assert status.failures == ((str(failed.record.directory), "failed", "it broke"),)
    assert json.loads(json.dumps(status.to_json()))["rows"][0]["counts"]["running"] == 1


def test_overshooting_the_budget_is_no_more_than_all_of_it(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(0)
    run.record.create(run.spec.to_json(), "s")
    run.record.set_status("done", timesteps=128, n_timesteps=100)
    (row,) = recorded_status(tmp_path / "runs", "s").rows
    assert row.progress == 1.0


def test_runs_not_started_are_counted_where_the_caller_knows_them(fake_run: MakeRun) -> None:
    run = fake_run(0)
    (row,) = summarise("s", [(run.record, "a2c", "CartPole-v1", 100)]).rows
    assert row.counts["missing"] == 1
    assert (row.progress, row.steps_per_second, row.seconds_left, row.last_return) == (0.0, None, None, None)


def test_an_unknown_sweep_is_answered_with_the_nearest(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(0)
    run.record.create(run.spec.to_json(), "s")
    (tmp_path / "runs" / "atari6").mkdir()
    with pytest.raises(SpecError, match=r"runs: no sweep 'atari' here; did you mean 'atari6'\?"):
        recorded_status(tmp_path / "runs", "atari")
    with pytest.raises(SpecError, match="no sweep 'zzz' here; there are atari6, s"):
        recorded_status(tmp_path / "runs", "zzz")
    with pytest.raises(SpecError, match="atari6: no run has been started yet"):
        recorded_status(tmp_path / "runs", "atari6")
    with pytest.raises(SpecError, match="nowhere: no such directory"):
        recorded_status(tmp_path / "nowhere", "s")
