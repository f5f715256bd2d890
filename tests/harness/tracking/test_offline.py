"""Offline: the client's own file, read back record by record."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from wandb.proto.wandb_internal_pb2 import Record

from harness.cli import app
from harness.tracking.describe import describe
from harness.tracking.points import STEP

BLOCK = 32768
LEVELDB_HEADER = 7


def read_back(path: Path) -> Iterator[Record]:
    """The records of a ``.wandb`` file: LevelDB's log format after a header of 7 bytes."""
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    position, parts = 7, b""
    while position + LEVELDB_HEADER <= len(data):
        if BLOCK - position % BLOCK < LEVELDB_HEADER:
            position += BLOCK - position % BLOCK
            continue
        _, size, kind = struct.unpack_from("<IHB", data, position)
        if kind == 0:
            break
        position += LEVELDB_HEADER
        parts += data[position : position + size]
        position += size
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def offline(run: Any) -> list[Record]:
    """Track the run offline; the records of the one file that lies there then."""
    command = [sys.executable, "-m", "harness.tracking", str(run.record.directory), '{"mode": "offline"}']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = (run.record.directory / "wandb").glob("offline-run-*/run-*.wandb")
    return list(read_back(file))


def points(records: list[Record]) -> list[dict[str, float]]:
    return [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]


def test_every_point_is_in_one_file_however_often_the_run_was_interrupted(
    growing: Callable[..., Any],
) -> None:
    run = growing()
    run.begin()
    run.train(50)
    run.status("preempted")
    first = points(offline(run))
    assert [point["_step"] for point in first] == list(range(5, 55, 5))
    run.begin(resumed_at=30)
    run.train(100)
    run.status("done")
    records = offline(run)
    found = points(records)
    assert [point["_step"] for point in found] == list(range(5, 105, 5))
    assert all(point[STEP] == point["_step"] for point in found)
    assert found[-1]["rollout/ep_rew_mean"] == 200
    (opened,) = (record.run for record in records if record.WhichOneof("record_type") == "run")
    assert opened.run_id == describe(run.record).id
    assert opened.project == "acktr-harness"
    assert opened.job_type == "train"
    config = {item.key: json.loads(item.value_json) for item in opened.config.update}
    assert config["env_id"] == "CartPole-v1"
    assert config["total_timesteps"] == 100
    metrics = [record.metric for record in records if record.WhichOneof("record_type") == "metric"]
    assert [(metric.glob_name, metric.step_metric) for metric in metrics if metric.glob_name] == [("*", STEP)]
    (ended,) = (record.exit for record in records if record.WhichOneof("record_type") == "exit")
    assert ended.exit_code == 0


def test_under_wandbs_own_agent_a_run_keeps_its_id_and_project(
    growing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "team/theirs/abc")
    monkeypatch.setenv("WANDB_RUN_ID", "theirs")
    run = growing()
    run.begin()
    run.train(20)
    run.status("done")
    (opened,) = (record.run for record in offline(run) if record.WhichOneof("record_type") == "run")
    assert (opened.run_id, opened.project) == (describe(run.record).id, "acktr-harness")


def test_a_damaged_run_does_not_keep_the_others_from_being_pushed(growing: Callable[..., Any]) -> None:
    runs = [growing(seed) for seed in range(3)]
    for run in runs:
        run.begin()
        run.train(20)
        run.status("done")
    runs[0].record.run_file.write_text("{")
    runs[1].record.status_file.unlink()
    sweep = runs[0].record.directory.parents[3]
    done = CliRunner().invoke(app, ["wandb", "push", str(sweep), "--offline", "--json"])
    assert done.exit_code == 1
    rows = json.loads(done.stdout)["runs"]
    assert ["run.json: not readable" in rows[0]["error"], "status.json: no such" in rows[1]["error"]] == [
        True
    ] * 2
    assert (rows[2]["error"], rows[2]["sent"]) == (None, 4)
