"""When a run is saved and when it stops."""

from __future__ import annotations

from itertools import pairwise

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
    # 40 s by the time of the second, and so on
    assert saves(Clock(monkeypatch), None, 20.0, points) == [600.0, 4000.0, 6000.0, 8000.0]


@pytest.mark.parametrize("cost", [0.1, 3.0, 6.0, 7.0, 45.0, 200.0])
def test_from_the_second_on_all_together_take_at_most_a_hundredth(
    monkeypatch: pytest.MonkeyPatch, cost: float
) -> None:
    clock = Clock(monkeypatch)
    ends: list[float] = []

    def save() -> float:
        clock.now += cost
        ends.append(clock.now)
        return cost

    checkpointer = Checkpointer(save, StopFlag())
    while clock.now < 100_000:
        clock.now += 7.0
        checkpointer()
    assert len(ends) > 2
    assert ends[0] < 600 + 7 + cost + 1
    assert all(cost * (i + 1) <= 0.01 * end for i, end in enumerate(ends) if i > 0)
    assert all(after - before >= max(600.0, 100 * cost) for before, after in pairwise(ends))


def test_a_checkpoint_that_became_dearer_is_followed_by_a_longer_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    written: list[float] = []

    def save() -> float:
        written.append(clock.now)
        return 30.0 if len(written) == 3 else 0.1

    checkpointer = Checkpointer(save, StopFlag())
    for point in range(0, 10_000, 10):
        clock.now = float(point)
        checkpointer()
    assert written[:3] == [600.0, 1200.0, 1800.0]
    assert written[3] == 6020.0  # 60.2 s by then


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
