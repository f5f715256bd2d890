"""One worker process: how it is started, stopped, and what its end means for the record."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.records import RecordError, RunRecord, State
from harness.runner.exit_codes import ExitCode
from harness.sweep import launch
from harness.sweep.extend import create_record
from harness.sweep.plan import PlannedRun

Command = Callable[[Path], list[str]]
"""A worker's command line, given its run directory; may raise :class:`NotStarted`."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


_STOP_SIGNALS = ("SIGTERM", "SIGINT", "SIGUSR2")
_KNOWN_CODES = frozenset(int(code) for code in ExitCode)


def runner_command(
    device: str,
    *,
    checkpoint_seconds: float | None = None,
    fresh: bool = False,
    allow_code_change: bool = False,
    tensorboard: bool = False,
) -> Command:
    """The command that trains one run: ``python -m harness.runner RUN_DIR --device DEVICE ...``.

    Args:
        device, checkpoint_seconds, allow_code_change, tensorboard: see :func:`runner_options`.
        fresh: as there; a run whose worker crashed after it had begun anew goes on from its own checkpoints.
    """
    attempts: dict[Path, int] = {}

    def command(directory: Path) -> list[str]:
        record = RunRecord(directory)
        before = len(record.attempts) if fresh and record.run_file.exists() else 0
        options = runner_options(
            device,
            checkpoint_seconds=checkpoint_seconds,
            fresh=fresh and attempts.setdefault(directory, before) == before,
            allow_code_change=allow_code_change,
            tensorboard=tensorboard,
        )
        return [sys.executable, "-m", "harness.runner", str(directory), *options]

    return command


def runner_options(
    device: str,
    *,
    checkpoint_seconds: float | None = None,
    fresh: bool = False,
    allow_code_change: bool = False,
    tensorboard: bool = False,
) -> list[str]:
    """Options of a worker's command line.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        checkpoint_seconds: between checkpoints; None is the worker's default.
        fresh: start from zero instead of the newest checkpoint.
        allow_code_change: continue from a checkpoint of other code.
        tensorboard: write TensorBoard's files too.
    """
    options = ["--device", device]
    if checkpoint_seconds is not None:
        options += ["--checkpoint-seconds", str(checkpoint_seconds)]
    options += ["--fresh"] * fresh + ["--allow-code-change"] * allow_code_change
    return options + ["--tensorboard"] * tensorboard


class NotStarted(Exception):
    """The run is not to be started; the message says why."""


class Worker:
    """A started run.

    It has a session of its own, so that Ctrl-C in the terminal reaches only the supervisor; one thread per
    numerical library unless the environment says otherwise; and its output appended to ``log.txt``.

    Args:
        run: what is trained.
        command: gives the command line.
        place: of the supervisor's places, the one it takes.
        environment: variables of its own, e.g. its GPU.

    Raises:
        OSError: the directory cannot be written or the process not started.
        NotStarted: the command says so.
    """

    def __init__(
        self, run: PlannedRun, command: Command, place: int = 0, environment: Mapping[str, str] | None = None
    ) -> None:
        self.run = run
        self.place = place
        self.stopping = False
        self._silent = False
        record = run.record
        if not record.run_file.exists():
            create_record(record, run.spec, run.sweep, run.shorter)
        # Until the worker reports itself, the run is this process's, so that no other supervisor takes it.
        record.set_status(
            "running",
            timesteps=_last_status(record).get("timesteps", 0),
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
                env={**os.environ, **threads, **(environment or {})},
            )

    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def crashed(self) -> bool:
        """After the end: whether the worker was killed, or ended without a word on why."""
        code = self._process.returncode
        if self.stopping or code == ExitCode.BUSY:
            return False
        return code < 0 or code not in _KNOWN_CODES or self._silent

    def stop(self) -> None:
        """Ask the worker to stop at its next safe point."""
        self.stopping = True
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker and every process that it started, at once."""
        self.stopping = True
        self._kill_group()
        self._process.wait()

    def settle(self) -> tuple[State, str | None]:
        """After the end: make ``status.json`` say how the run ended; return the state and the error."""
        self._kill_group()
        code = self._process.returncode
        record = self.run.record
        status = _last_status(record)
        self._silent = status.get("state") == "running"
        state, error = self._verdict(code, status)
        if code == ExitCode.BUSY:
            return state, error
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
        if code == ExitCode.BUSY:
            return "failed", "another worker is at this run"
        if code == ExitCode.PREEMPTED:
            return "preempted", error
        if code < 0:
            name = signal.Signals(-code).name
            if self.stopping or name in _STOP_SIGNALS:
                return "preempted", f"stopped by {name}"
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
