"""Stopping on a signal without tearing anything: a flag is set, and training reads it at a safe point."""

from __future__ import annotations

import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)


class Preempted(Exception):
    """Training was told to stop and has come to a safe point; the message names the signal."""


class StopFlag:
    """Becomes true when the process receives one of :data:`STOP_SIGNALS`."""

    def __init__(self) -> None:
        self.signal_name: str | None = None

    def install(self) -> StopFlag:
        """Take over the signals; return self."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.signal_name = signal.Signals(number).name

    def __bool__(self) -> bool:
        return self.signal_name is not None
