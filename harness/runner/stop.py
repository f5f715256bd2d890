"""Stopping on a signal without tearing anything: the handler sets a flag, training reads it between steps."""

from __future__ import annotations

import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)
EXIT_INTERRUPTED = 75
"""Exit code of a worker that stopped because it was told to (``EX_TEMPFAIL``: worth another try)."""


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
