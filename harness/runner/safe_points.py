"""Safe points of training: between two rollouts, where a run is checkpointed and where it stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from harness.runner.stop import Preempted, StopFlag

DEFAULT_SECONDS = 600.0
COST_FACTOR = 100.0
"""By default a checkpoint waits this many times what the last one, and what all of them, have cost."""


@contextmanager
def before_each_rollout(agent: OnPolicyAlgorithm, action: Callable[[], None]) -> Iterator[None]:
    """Call ``action`` before each of the agent's rollouts, before anything of it has happened.

    SB3's own callback comes later: after noise has been drawn where exploration depends on the state.
    """
    collect = agent.collect_rollouts

    def collect_rollouts(*args: Any, **kwargs: Any) -> bool:
        action()
        return collect(*args, **kwargs)

    agent.__dict__["collect_rollouts"] = collect_rollouts
    try:
        yield
    finally:
        del agent.__dict__["collect_rollouts"]


class Checkpointer:
    """Says at each safe point whether to save, and ends training after a stop signal.

    Args:
        save: writes a checkpoint; returns what it cost in seconds.
        stop: ends training at the next safe point once true.
        seconds: between checkpoints; 0 is one a rollout. By default ten minutes, or a hundred times what the
            last one cost where that is longer. What the first will cost is not known before; the second waits
            for the time of both, so that from then on all together take at most 1 % of it.
    """

    def __init__(self, save: Callable[[], float], stop: StopFlag, seconds: float | None = None) -> None:
        self._save = save
        self._stop = stop
        self._seconds = seconds
        self._started = self._saved_at = time.perf_counter()
        self._cost = self._spent = 0.0

    def __call__(self) -> None:
        """A safe point.

        Raises:
            Preempted: training was told to stop; the checkpoint is written.
            OSError: the checkpoint could not be written.
        """
        if self._stop or self._due(time.perf_counter()):
            self.save()
        if self._stop:
            raise Preempted(f"stopped by {self._stop.signal_name}")

    def save(self) -> None:
        """Write a checkpoint now."""
        spent = self._save()
        self._spent += spent
        self._cost = spent or self._cost
        self._saved_at = time.perf_counter()

    def _due(self, now: float) -> bool:
        if self._seconds is not None:
            return now - self._saved_at >= self._seconds
        interval = max(DEFAULT_SECONDS, COST_FACTOR * self._cost)
        affordable = now - self._started >= COST_FACTOR * (self._spent + self._cost)
        return now - self._saved_at >= interval and affordable
