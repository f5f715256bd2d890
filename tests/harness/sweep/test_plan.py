"""What there is to do, from the desired runs and the run directories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from algos.registry import get_agent
from harness.provenance import provenance
from harness.records import RecordError, State
from harness.spec import RunSpec, SpecError
from harness.sweep.plan import Plan, PlannedRun, make_plan
from harness.sweep.state import FRESH_SECONDS, found_state

MakeRun = Callable[..., PlannedRun]


def recorded(
    run: PlannedRun, state: State, provenance_changes: dict[str, Any] | None = None, **fields: Any
) -> None:
    """Write the record that a worker of today's code would leave in ``state``."""
    run.record.create(run.spec.to_json(), "s")
    run.record.begin_attempt({**provenance(get_agent("a2c").sources), **(provenance_changes or {})})
    run.record.set_status(state, timesteps=5, n_timesteps=100, **fields)


def replan(*runs: PlannedRun) -> Plan:
    runs_dir = runs[0].record.directory.parents[4]
    return make_plan([run.spec for run in runs], runs_dir, "s")


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_every_state_is_told_apart(fake_run: MakeRun) -> None:
    runs = {
        state: fake_run(seed)
        for seed, state in enumerate(["missing", "done", "running", "failed", "pending"])
    }
    recorded(runs["done"], "done")
    recorded(runs["running"], "running", pid=os.getpid())
    recorded(runs["failed"], "failed", error="x")
    runs["pending"].record.create(runs["pending"].spec.to_json(), "s")
    plan = replan(*runs.values())
    assert [run.found for run in plan.runs] == list(runs)
    assert [run.found for run in plan.to_run] == ["missing", "failed", "pending"]
    assert plan.summary() == "5 runs: 1 done, 1 running elsewhere, 3 to run (1 failed before)"


def test_a_record_without_a_status_is_pending(fake_run: MakeRun) -> None:
    run = fake_run(0)
    run.record.create(run.spec.to_json(), "s")
    run.record.status_file.unlink()
    assert replan(run).runs[0].found == "pending"


def test_nothing_to_do(fake_run: MakeRun) -> None:
    runs = [fake_run(0), fake_run(1)]
    for run in runs:
        recorded(run, "done")
    assert replan(*runs).to_run == []
    assert replan(*runs).summary() == "nothing to do: all 2 runs are done"
    assert replan(runs[0]).summary() == "nothing to do: the run is done"


def test_planning_writes_nothing(fake_run: MakeRun) -> None:
    run = fake_run(0)
    runs_dir = run.record.directory.parents[4]
    assert make_plan([run.spec], runs_dir, "s").runs[0].found == "missing"
    assert not runs_dir.exists()


@pytest.mark.parametrize(
    ("host", "pid", "age", "expected"),
    [
        (None, "own", 0.0, "running"),
        (None, "own", 3600.0, "preempted"),  # a process that began after the heartbeat only has the number
        (None, "dead", 0.0, "preempted"),
        (None, None, 0.0, "preempted"),
        ("elsewhere", "dead", 0.0, "running"),
        ("elsewhere", "dead", FRESH_SECONDS + 5, "preempted"),
    ],
)
def test_a_worker_that_is_gone_was_preempted(
    host: str | None, pid: str | None, age: float, expected: str, fake_run: MakeRun
) -> None:
    run = fake_run(0)
    fields = {} if pid is None else {"pid": os.getpid() if pid == "own" else dead_pid()}
    recorded(run, "running", {} if host is None else {"hostname": host}, **fields)
    status = json.loads(run.record.status_file.read_text())
    run.record.status_file.write_text(json.dumps({**status, "heartbeat": time.time() - age}))
    assert found_state(run.record)[0] == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, None),
        ({"agent_digest": "0123456789abcdef"}, "other code of a2c"),
        ({"packages": {**provenance([])["packages"], "torch": "1.0"}}, "torch 1.0 (now "),
    ],
)
def test_results_of_older_code_count_as_done_and_are_reported(
    changes: dict[str, Any], message: str | None, fake_run: MakeRun
) -> None:
    run = fake_run(0)
    recorded(run, "done", changes)
    plan = replan(run)
    assert plan.to_run == []
    if message is None:
        assert plan.outdated == []
    else:
        (older,) = plan.outdated
        assert older.outdated is not None
        assert message in older.outdated


@pytest.mark.parametrize(("resumed_at", "message"), [(50, "other code of a2c"), (0, None)])
def test_every_attempt_whose_work_is_in_a_result_counts(
    resumed_at: int, message: str | None, fake_run: MakeRun
) -> None:
    """A run that was continued with other code is a result of older code; one begun anew is not."""
    run = fake_run(0)
    recorded(run, "done", {"agent_digest": "0123456789abcdef"})
    run.record.begin_attempt(provenance(get_agent("a2c").sources), resumed_at=resumed_at)
    assert replan(run).runs[0].outdated == message


def test_another_run_in_the_directory_is_an_error(fake_run: MakeRun) -> None:
    run = fake_run(0)
    recorded(run, "done")
    content = json.loads(run.record.run_file.read_text())
    content["spec"]["n_timesteps"] = 7
    run.record.run_file.write_text(json.dumps(content))
    with pytest.raises(RecordError, match=r"run\.json: holds another run"):
        replan(run)


@pytest.mark.parametrize("name", ["run.json", "status.json"])
def test_damaged_files_are_named_and_nothing_is_run_over_them(name: str, fake_run: MakeRun) -> None:
    run = fake_run(0)
    recorded(run, "done")
    (run.record.directory / name).write_text("{")
    with pytest.raises(RecordError, match=name):
        replan(run)


def test_a_file_in_place_of_the_runs_directory(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    spec = RunSpec(
        algo="a2c",
        env_id="CartPole-v1",
        protocol={"name": "gym"},
        n_timesteps=1,
        hyperparameters={},
        seed=0,
    )
    with pytest.raises(SpecError, match=r"--runs-dir .*runs: is a file; expected a directory"):
        make_plan([spec], tmp_path / "runs", "s")
