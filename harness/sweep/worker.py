"""One worker process: how it is started, stopped, and what its end means for the record."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.records import RecordError, RunRecord, State
from harness.runner.stop import EXIT_INTERRUPTED
from harness.sweep import launch
from harness.sweep.plan import PlannedRun

Command = Callable[[Path], list[str]]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def runner_command(device: str) -> Command:
    """The command that trains one run: ``python -m harness.runner RUN_DIR --device DEVICE``."""
    return lambda directory: [sys.executable, "-m", "harness.runner", str(directory), "--device", device]


class Worker:
    """A started run.

    It has a session of its own, so that Ctrl-C in the terminal reaches only the supervisor; one thread per
    numerical library unless the environment says otherwise; and its output appended to ``log.txt``.

    Raises:
        OSError: the directory cannot be written or the process not started.
    """

    def __init__(self, run: PlannedRun, command: Command) -> None:
        self.run = run
        self._stopping = False
        record = run.record
        record.create(run.spec.to_json(), run.sweep)
        for left_over in (
            record.episodes_file,
            record.progress_file,
            record.model_file,
            record.protocol_state_file,
        ):
            left_over.unlink(missing_ok=True)
        # Until the worker reports itself, the run is this process's, so that no other supervisor takes it.
        record.set_status(
            "running",
            timesteps=0,
            n_timesteps=run.spec.n_timesteps,
            pid=os.getpid(),
            hostname=platform.node(),
        )
        arguments = command(record.directory)
        threads = {name: os.environ.get(name, "1") for name in THREAD_VARIABLES}
        with record.log_file.open("ab") as log:
            log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(arguments)}\n".encode())
            log.flush()
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **threads},
            )

    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Ask the worker to stop at its next safe point."""
        self._stopping = True
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker and every process that it started, at once."""
        self._stopping = True
        self._kill_group()
        self._process.wait()

    def settle(self) -> tuple[State, str | None]:
        """After the end: make ``status.json`` say how the run ended; return the state and the error."""
        self._kill_group()
        code = self._process.returncode
        record = self.run.record
        status = _last_status(record)
        state, error = self._verdict(code, status)
        if status.get("state") != state or status.get("error") != error:
            kept = {key: value for key, value in status.items() if key not in ("state", "heartbeat", "error")}
            kept.setdefault("timesteps", 0)
            kept.setdefault("n_timesteps", self.run.spec.n_timesteps)
            record.set_status(state, **kept, error=error)
        return state, error

    def _verdict(self, code: int, status: dict[str, Any]) -> tuple[State, str | None]:
        error = status.get("error")
        if status.get("state") == "done":
            return "done", None
        if code == 0:
            return "failed", f"the worker ended without finishing (state {status.get('state')!r})"
        if code == EXIT_INTERRUPTED:
            return "interrupted", error
        if code < 0:
            name = signal.Signals(-code).name
            if self._stopping:
                return "interrupted", f"stopped by {name}"
            cause = " (out of memory?)" if name == "SIGKILL" else ""
            return "failed", f"the worker was killed by {name}{cause}"
        return "failed", error or f"exit code {code}: {self._last_line()}"

    def _last_line(self) -> str:
        with self.run.record.log_file.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 4096))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _last_status(record: RunRecord) -> dict[str, Any]:
    try:
        return record.status()
    except RecordError:
        return {}
