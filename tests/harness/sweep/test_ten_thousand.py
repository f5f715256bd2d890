"""Ten thousand recorded runs: status and plan stay quick."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from algos.registry import get_agent
from harness.provenance import provenance
from harness.sweep.plan import PlannedRun, make_plan
from harness.sweep.status import recorded_status

N_RUNS = 10_000
MakeRun = Callable[..., PlannedRun]


@pytest.fixture
def recorded(fake_run: MakeRun) -> list[PlannedRun]:
    """Finished runs; their files are written without waiting for the disk."""
    first = fake_run(0)
    facts = provenance(get_agent("a2c").sources)
    status = json.dumps(
        {"state": "done", "heartbeat": time.time(), "timesteps": 100, "n_timesteps": 100, "last_return": 1.0}
    )
    runs = []
    for seed in range(N_RUNS):
        spec = first.spec.with_seed(seed)
        directory = spec.directory(first.record.directory.parents[4], "s")
        directory.mkdir(parents=True)
        attempts = [{"attempt": 1, "resumed_at": 0, "provenance": facts}]
        content = {"record_version": 1, "sweep": "s", "spec": spec.to_json(), "attempts": attempts}
        (directory / "run.json").write_text(json.dumps(content))
        (directory / "status.json").write_text(status)
        runs.append(PlannedRun(spec, "s", first.record))
    return runs


def test_status_and_plan(recorded: list[PlannedRun], tmp_path: Path) -> None:
    """2 s is the aim of each on an idle machine; CPU time is measured, since the machine may be busy."""
    begun = time.process_time()
    (row,) = recorded_status(tmp_path / "runs", "s").rows
    status_seconds = time.process_time() - begun
    assert row.counts["done"] == N_RUNS
    begun = time.process_time()
    plan = make_plan([run.spec for run in recorded], tmp_path / "runs", "s")
    plan_seconds = time.process_time() - begun
    assert plan.summary() == "nothing to do: all 10000 runs are done"
    assert status_seconds < 2.0
    assert plan_seconds < 2.0
