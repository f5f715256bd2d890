"""Trackers beside workers: one process per run that shows it in W&B, and that nobody waits for.

Training never talks to W&B: the tracker reads the run directory (:mod:`harness.tracking.follow`). If it hangs
or fails the run goes on, and ends, as without it; what W&B lacks then, ``harness wandb push`` brings.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from harness.records import RunRecord, State
from harness.sweep import launch
from harness.sweep.plan import PlannedRun
from harness.sweep.supervisor import Observer
from harness.tracking.exit_codes import DONE, HOPELESS
from harness.tracking.notes import note
from harness.tracking.settings import WandbBlock

RETRY_SECONDS = 30.0
MAX_RETRY_SECONDS = 600.0
Command = Callable[[Path], list[str]]


def tracked(observer: Observer, settings: WandbBlock) -> Observer:
    """``observer``, with a tracker beside every run it is told of; itself where nothing is to be tracked."""
    return Trackers(observer, settings) if settings.enabled else observer


class Trackers(Observer):
    """Passes on what it is told, and keeps a tracker beside each run.

    A tracker that fails while its run goes on is started again, after 30 seconds at first and at most 10
    minutes. After the end of a run its tracker has ``settings.finish_seconds``; then it is killed, with a
    warning in ``log.txt``. Other runs are not kept waiting meanwhile; the last ones keep :meth:`close`.

    Args:
        observer: is told the same.
        settings: where to.
        command: a tracker's command line, given its run directory; by default ``python -m harness.tracking``.
        retry: seconds until a failed tracker is started again, for the first time.
    """

    def __init__(
        self,
        observer: Observer,
        settings: WandbBlock,
        command: Command | None = None,
        retry: float = RETRY_SECONDS,
    ) -> None:
        self._observer = observer
        self._settings = settings
        content = settings.model_dump_json()
        self._command = command or (
            lambda directory: [sys.executable, "-m", "harness.tracking", str(directory), content]
        )
        self._retry = retry
        self._trackers: dict[Path, _Tracker] = {}

    def started(self, run: PlannedRun) -> None:
        """A worker was started."""
        self._observer.started(run)
        self._drop(run)
        directory = run.record.directory
        self._trackers[directory] = _Tracker(run.record, self._command(directory), self._retry)

    def ended(self, run: PlannedRun, state: State, error: str | None) -> None:
        """A run ended; its tracker's time begins to run."""
        self._observer.ended(run, state, error)
        if tracker := self._trackers.get(run.record.directory):
            tracker.give(self._settings.finish_seconds)

    def restarted(self, run: PlannedRun, error: str) -> None:
        """The run begins again at its checkpoint, and with it a new tracker."""
        self._observer.restarted(run, error)
        self._drop(run)

    def skipped(self, run: PlannedRun, state: State) -> None:
        """Another process is at the run, and tracks it."""
        self._observer.skipped(run, state)

    def tick(self, running: Sequence[PlannedRun], n_waiting: int) -> None:
        """Look after the trackers."""
        self._observer.tick(running, n_waiting)
        self._look()

    def stopping(self, n_running: int, grace: float) -> None:
        """A signal came."""
        self._observer.stopping(n_running, grace)

    def close(self) -> None:
        """Wait for the trackers that are left, no longer than they may take."""
        self._observer.close()
        for tracker in self._trackers.values():
            tracker.give(self._settings.finish_seconds)
        while self._trackers:
            self._look()
            time.sleep(0.05)

    def _drop(self, run: PlannedRun) -> None:
        if before := self._trackers.pop(run.record.directory, None):
            before.kill()

    def _look(self) -> None:
        for directory, tracker in list(self._trackers.items()):
            if tracker.over():
                del self._trackers[directory]


class _Tracker:
    """The tracker of one run, through its failures."""

    def __init__(self, record: RunRecord, command: list[str], retry: float) -> None:
        self._record = record
        self._arguments = command
        self._wait = retry
        self._retry_at = 0.0
        self._deadline: float | None = None
        self._given = 0.0
        self._told = False
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    @property
    def _output(self) -> Path:
        return self._record.directory / "wandb" / "tracker.txt"

    def give(self, seconds: float) -> None:
        """The run has ended; from now on the tracker has ``seconds``."""
        if self._deadline is None:
            self._deadline, self._given = time.monotonic() + seconds, seconds

    def over(self) -> bool:
        """Whether there is nothing more to do; to be asked again and again."""
        now = time.monotonic()
        code = self._process.poll() if self._process else None
        if code == DONE:
            return True
        if self._process is not None and code is None:
            if self._deadline is None or now < self._deadline:
                return False
            self.kill()
            self._warn(f"the tracker was not done {self._given:g} s after the run's end")
            return True
        if code is not None:
            self._process = None
            if not self._told:
                self._warn(f"the tracker failed: {self._last_line()}")
            self._told = True
            self._retry_at, self._wait = now + self._wait, min(2 * self._wait, MAX_RETRY_SECONDS)
        if code == HOPELESS or self._deadline is not None:
            return True
        if now >= self._retry_at:
            self._start()
        return False

    def kill(self) -> None:
        """End the tracker and the client's own process, which is in another session."""
        if self._process is None:
            return
        children: list[psutil.Process] = []
        with suppress(psutil.Error):
            children = psutil.Process(self._process.pid).children(recursive=True)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for child in children:
            with suppress(psutil.Error):
                child.kill()
        with suppress(subprocess.TimeoutExpired):  # one that waits for a file system dies when that answers
            self._process.wait(timeout=5)
        self._process = None

    def _start(self) -> None:
        try:
            self._output.parent.mkdir(exist_ok=True)
            with self._output.open("wb") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *self._arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            self._warn(f"the tracker could not be started: {error}")
            self._retry_at = time.monotonic() + MAX_RETRY_SECONDS

    def _warn(self, reason: str) -> None:
        note(
            self._record,
            f"{reason}; what W&B lacks at the end, `harness wandb push {self._record.directory}` brings",
        )

    def _last_line(self) -> str:
        try:
            lines = self._output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError as error:
            return str(error)
        return lines[-1] if lines else "without a word"
