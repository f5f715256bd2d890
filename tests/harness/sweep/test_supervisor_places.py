"""A supervisor's places and their GPUs, runs withdrawn on the way, and crashed workers."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.sweep.gpus import places, visible_gpus
from harness.sweep.plan import PlannedRun
from harness.sweep.supervisor import Observer, Outcome, supervise
from harness.sweep.worker import Command

MakeRun = Callable[..., PlannedRun]
COUNTING = Path(__file__).with_name("counting_worker.py")


def count(directory: Path) -> list[str]:
    return [sys.executable, str(COUNTING), str(directory)]


def journal(run: PlannedRun) -> list[list[str]]:
    return [line.split() for line in (run.record.directory / "journal.txt").read_text().splitlines()]


def test_places_spread_runs_over_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-7")
    assert [place["CUDA_VISIBLE_DEVICES"] for place in places(2, 2)] == ["2", "GPU-7", "2", "GPU-7"]
    assert places(0, 3) == []
    with pytest.raises(RuntimeError, match="names 2 GPUs, expected 4"):
        places(4, 1)


@pytest.mark.parametrize(
    ("given", "expected"), [("", []), ("-1", []), ("NoDevFiles", []), ("0, 3", ["0", "3"])]
)
def test_visible_gpus(given: str, expected: list[str]) -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": given}) == expected


def test_without_the_variable_the_driver_s_list_counts(tmp_path: Path) -> None:
    assert visible_gpus({}, tmp_path / "none") == []
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert visible_gpus({}, tmp_path) == ["0", "1"]


def test_a_place_that_becomes_free_keeps_its_gpu(counting_run: MakeRun) -> None:
    """Two places: a long run holds the first, three short ones follow each other on the second."""
    runs = [counting_run(0, 12), counting_run(1, 1), counting_run(2, 1), counting_run(3, 1)]
    gpus = [{"CUDA_VISIBLE_DEVICES": "a"}, {"CUDA_VISIBLE_DEVICES": "b"}]
    outcome = supervise(runs, count, jobs=2, poll=0.02, environments=gpus)
    assert outcome.exit_code == 0
    assert [journal(run)[0][0] for run in runs] == ["a", "b", "b", "b"]


def test_runs_that_are_withdrawn_stop_or_do_not_start(counting_run: MakeRun) -> None:
    runs = [counting_run(0, 600), counting_run(1, 5), counting_run(2, 5)]

    def withdrawn(run: PlannedRun) -> bool:
        return run.spec.seed == 2 or (run.spec.seed == 0 and (run.record.directory / "journal.txt").exists())

    outcome = supervise(runs, count, jobs=1, poll=0.02, withdrawn=withdrawn)
    assert [(run.spec.seed, state) for run, state, _ in outcome.states] == [(0, "preempted"), (1, "done")]
    assert not outcome.stopped
    assert not runs[2].record.directory.exists()


@pytest.mark.parametrize(
    ("end", "starts"), [("kill", 2), ("crash", 2), ("lie", 2), ("fail", 1), ("busy", 1), ("term", 1)]
)
def test_a_crashed_worker_is_started_again_once(
    end: str, starts: int, fake_run: MakeRun, fake_command: Command
) -> None:
    run, other = fake_run(0, end=end), fake_run(1)
    again: list[int] = []

    class Restarts(Observer):
        def restarted(self, run: PlannedRun, error: str) -> None:
            again.append(run.spec.seed)

    outcome = supervise([run, other], fake_command, jobs=1, poll=0.02, observer=Restarts())
    assert (run.record.directory / "journal.txt").read_text().count("start") == starts
    assert again == [0] * (starts - 1)
    assert [one.spec.seed for one, _, _ in outcome.states] == [0, 1]


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_the_outcome_names_the_first_signal_and_a_second_is_no_impatience(
    number: signal.Signals, counting_run: MakeRun
) -> None:
    """A scheduler sends SIGUSR2, then SIGTERM: the worker still has its time."""
    run = counting_run(0, 600)

    def interrupt() -> None:
        while not (run.record.directory / "journal.txt").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), number)
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    outcome: Outcome = supervise([run], count, jobs=1, poll=0.02)
    thread.join()
    assert (outcome.signal_name, outcome.exit_code) == (number.name, 130)
    assert (run.record.directory / "count.txt").exists()
    assert run.record.status()["state"] == "preempted"
