"""``harness logs`` of a log that is half written or goes away; ``harness doctor`` on a full disk."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.records import RunRecord


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """A run under way in this process."""
    record = RunRecord(tmp_path / "s" / "a2c" / "CartPole-v1" / "12345678" / "seed-0")
    record.create({"n_timesteps": 10}, "s")
    record.set_status("running", timesteps=0, n_timesteps=10, pid=os.getpid())
    return record


def follow(record: RunRecord, monkeypatch: pytest.MonkeyPatch, *steps: Any) -> Any:
    """``harness logs -f``; each time that it sleeps, the next step is done."""
    left = iter(steps)
    clock = SimpleNamespace(monotonic=iter(range(0, 1000, 10)).__next__, sleep=lambda _: next(left)())
    monkeypatch.setattr("harness.commands.logs.time", clock)
    return CliRunner().invoke(app, ["logs", str(record.directory), "-f"])


def test_what_is_half_written_is_put_together(record: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    cafe = "café".encode()
    record.log_file.write_bytes(cafe[:-1])

    def end() -> None:
        with record.log_file.open("ab") as log:
            log.write(cafe[-1:] + b" open\n")
        record.set_status("done", timesteps=10, n_timesteps=10)

    done = follow(record, monkeypatch, end, lambda: None)
    assert (done.exit_code, done.stdout) == (0, "café open\n")


def test_a_log_that_is_removed_ends_it_with_one_line(
    record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.log_file.write_text("line\n")
    done = follow(record, monkeypatch, record.log_file.unlink)
    assert (done.exit_code, done.stdout) == (2, "line\n")
    assert done.stderr == f"harness: {record.log_file}: was removed while it was followed\n"


def test_a_finished_run_without_a_log(record: RunRecord) -> None:
    record.set_status("done", timesteps=10, n_timesteps=10)
    done = CliRunner().invoke(app, ["logs", str(record.directory)])
    said = f"harness: {record.directory}: has no log; it was imported, or the log was removed\n"
    assert (done.exit_code, done.stderr) == (2, said)


def test_doctor_tries_whether_the_disk_takes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("harness.commands.doctor.tempfile.TemporaryFile", full)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["doctor", "--json", "--runs-dir", "runs"])
    disk = next(row for row in json.loads(done.stdout) if row["check"] == "disk")
    said = f"OSError: {tmp_path} cannot be written (No space left on device)"
    assert (done.exit_code, disk["ok"], disk["found"]) == (1, False, said)
