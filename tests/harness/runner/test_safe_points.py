"""When a run is saved and when it stops."""

from __future__ import annotations

import pytest

from harness.runner.safe_points import Checkpointer
from harness.runner.stop import Preempted, StopFlag


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("time.perf_counter", lambda: self.now)


def saves(clock: Clock, seconds: float | None, cost: float, points: list[float]) -> list[float]:
    """The moments of ``points`` at which a checkpoint is written."""
    written: list[float] = []

    def save() -> float:
        written.append(clock.now)
        return cost

    checkpointer = Checkpointer(save, StopFlag(), seconds)
    for point in points:
        clock.now = point
        checkpointer()
    return written


def test_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert saves(clock, 10.0, 1.0, [5.0, 11.0, 15.0, 20.0, 21.0]) == [11.0, 21.0]
    clock.now = 0.0
    assert saves(clock, 0.0, 1.0, [0.0, 1.0]) == [0.0, 1.0]


def test_by_default_checkpoints_take_at_most_a_hundredth(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [float(second) for second in range(0, 10_000, 10)]
    assert saves(Clock(monkeypatch), None, 1.0, points)[:3] == [600.0, 1200.0, 1800.0]
    assert saves(Clock(monkeypatch), None, 20.0, points) == [600.0, 2600.0, 4600.0, 6600.0, 8600.0]


def test_a_stop_saves_and_ends() -> None:
    stop = StopFlag()
    saved = []

    def save() -> float:
        saved.append(True)
        return 0.1

    checkpointer = Checkpointer(save, stop, 1e9)
    checkpointer()
    assert saved == []
    stop.signal_name = "SIGUSR2"
    with pytest.raises(Preempted, match="stopped by SIGUSR2"):
        checkpointer()
    assert saved == [True]
