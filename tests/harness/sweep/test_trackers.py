"""Trackers beside workers: whatever they do, the runs go on and end as without them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.sweep.plan import PlannedRun
from harness.sweep.supervisor import Observer, Outcome, supervise
from harness.sweep.trackers import Trackers, tracked
from harness.sweep.worker import Command
from harness.tracking.settings import WandbBlock

START = """
import os, pathlib, subprocess, sys, time
directory = pathlib.Path(sys.argv[1])
with (directory / "trackers.txt").open("a") as file:
    file.write(f"{os.getpid()} {time.time()}\\n")
"""
HANGING = 600
BEGUN = 3.0
"""Seconds of a run by which its tracker is at work; a machine may have other work."""
HANGS = f"""{START}
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep({HANGING})"], start_new_session=True)
(directory / "client.txt").write_text(str(child.pid))
time.sleep({HANGING})
"""
FAILS = f"{START}\nsys.exit('nobody there')"
HOPELESS = f"{START}\nprint('no key')\nsys.exit(2)"
FOLLOWS = f"""{START}
while '"running"' in (directory / "status.json").read_text():
    time.sleep(0.02)
"""
FakeRun = Callable[..., PlannedRun]


def sweep(
    runs: list[PlannedRun], worker: Command, code: str, finish_seconds: float = 0.5, jobs: int = 2
) -> Outcome:
    def command(directory: Path) -> list[str]:
        return [sys.executable, "-c", code, str(directory)]

    settings = WandbBlock(mode="online", finish_seconds=finish_seconds)
    trackers = Trackers(Observer(), settings, command, retry=0.2)
    return supervise(runs, worker, jobs=jobs, observer=trackers, poll=0.02)


def trackers_of(run: PlannedRun) -> list[tuple[int, float]]:
    lines = (run.record.directory / "trackers.txt").read_text().splitlines()
    return [(int(pid), float(at)) for pid, at in (line.split() for line in lines)]


def warnings(run: PlannedRun) -> list[str]:
    return [line for line in run.record.log_file.read_text().splitlines() if line.startswith("warning: W&B")]


def journal(run: PlannedRun) -> dict[str, float]:
    lines = (run.record.directory / "journal.txt").read_text().splitlines()
    return {what: float(at) for what, at in (line.split() for line in lines)}


def test_one_that_hangs_is_ended_with_all_its_processes_and_said_so(
    fake_run: FakeRun, fake_command: Command
) -> None:
    run = fake_run(seconds=BEGUN)
    outcome = sweep([run], fake_command, HANGS)
    ended = time.time()
    assert outcome.exit_code == 0
    assert run.record.status()["state"] == "done"
    assert ended - journal(run)["end"] < HANGING / 10
    (warning,) = warnings(run)
    assert "not done 0.5 s after the run's end" in warning
    assert f"harness wandb push {run.record.directory}" in warning
    client = int((run.record.directory / "client.txt").read_text())
    for pid in (trackers_of(run)[0][0], client):
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_next_run_does_not_wait_for_it(fake_run: FakeRun, fake_command: Command) -> None:
    runs = [fake_run(seed, seconds=0.2) for seed in range(2)]
    assert sweep(runs, fake_command, HANGS, finish_seconds=20, jobs=1).exit_code == 0
    assert journal(runs[1])["start"] - journal(runs[0])["end"] < 18


def test_one_that_fails_is_started_again_while_the_run_goes_on(
    fake_run: FakeRun, fake_command: Command
) -> None:
    run = fake_run(seconds=2 * BEGUN)
    assert sweep([run], fake_command, FAILS).exit_code == 0
    starts = [at for _, at in trackers_of(run)]
    assert len(starts) > 2
    pauses = [after - before for before, after in pairwise(starts)]
    assert pauses[1] > 0.4  # twice the first, at least
    (warning,) = warnings(run)  # told once
    assert "the tracker failed: nobody there; what W&B lacks at the end" in warning


def test_one_without_hope_is_not(fake_run: FakeRun, fake_command: Command) -> None:
    run = fake_run(seconds=BEGUN)
    assert sweep([run], fake_command, HOPELESS).exit_code == 0
    assert len(trackers_of(run)) == 1
    assert "the tracker failed: no key" in warnings(run)[0]


def test_one_that_follows_is_waited_for_and_nothing_is_said(fake_run: FakeRun, fake_command: Command) -> None:
    run = fake_run(seconds=0.5)
    assert sweep([run], fake_command, FOLLOWS, finish_seconds=30).exit_code == 0
    assert warnings(run) == []


def test_a_worker_that_is_started_again_gets_a_new_one(fake_run: FakeRun, fake_command: Command) -> None:
    run = fake_run(seconds=BEGUN, end="kill")
    outcome = sweep([run], fake_command, HANGS)
    assert outcome.exit_code == 1
    first, second = trackers_of(run)
    assert first[0] != second[0]
    assert not psutil.pid_exists(first[0])


def test_one_that_cannot_be_started_is_said(
    fake_run: FakeRun, fake_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fake_run(seconds=0.5)
    run.record.directory.mkdir(parents=True)
    (run.record.directory / "wandb").write_text("in the way")
    assert sweep([run], fake_command, FOLLOWS).exit_code == 0
    assert "could not be started" in warnings(run)[0]


def test_everything_is_passed_on(fake_run: FakeRun, fake_command: Command) -> None:
    told: list[str] = []

    class Recorder(Observer):
        def __getattribute__(self, name: str) -> Any:
            told.append(name)
            return super().__getattribute__(name)

    trackers = Trackers(Recorder(), WandbBlock(mode="online"), lambda _: [sys.executable, "-c", "0"])
    supervise([fake_run(end="kill")], fake_command, jobs=1, observer=trackers, poll=0.02)
    assert {"started", "restarted", "ended", "tick", "close"} <= set(told)


def test_nothing_stands_beside_a_run_that_is_not_tracked() -> None:
    display = Observer()
    assert tracked(display, WandbBlock()) is display
