"""Runs many workers, a few at a time, and leaves a consistent record however it ends."""

from __future__ import annotations

import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from harness.records import RecordError, RunRecord, State
from harness.sweep.plan import PlannedRun
from harness.sweep.state import found_state
from harness.sweep.worker import Command, NotStarted, Worker

EXIT_STOPPED = 130
RESTARTS = 1
"""How often a run is started again after its worker crashed."""

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)


class Observer:
    """Is told what happens; this one does nothing, displays override it."""

    def started(self, run: PlannedRun) -> None:
        """A worker was started."""

    def ended(self, run: PlannedRun, state: State, error: str | None) -> None:
        """A run ended as ``state``, or could not be started (``failed``)."""

    def restarted(self, run: PlannedRun, error: str) -> None:
        """The run's worker crashed; it is started again."""

    def skipped(self, run: PlannedRun, state: State) -> None:
        """Another process has finished the run, or is at it, since the plan was made."""

    def tick(self, running: Sequence[PlannedRun], n_waiting: int) -> None:
        """Called several times a second."""

    def stopping(self, n_running: int, grace: float) -> None:
        """A signal came: the workers were asked to stop and have ``grace`` seconds."""

    def close(self) -> None:
        """No further calls come."""


@dataclass
class Outcome:
    """How the runs ended.

    Attributes:
        states: state and error of every run that was started, in the order of their ends.
        n_skipped: runs that another process did meanwhile.
        n_not_started: runs left when a signal came.
        signal_name: the first signal that came; ``None`` if none did.
    """

    states: list[tuple[PlannedRun, State, str | None]] = field(default_factory=list)
    n_skipped: int = 0
    n_not_started: int = 0
    signal_name: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether a signal came."""
        return self.signal_name is not None

    def runs(self, state: State) -> list[tuple[PlannedRun, str | None]]:
        """The runs that ended as ``state``, with their errors."""
        return [(run, error) for run, ended_as, error in self.states if ended_as == state]

    @property
    def exit_code(self) -> int:
        """130 after a signal, 1 if a run did not end as done, else 0."""
        if self.stopped:
            return EXIT_STOPPED
        return 1 if any(state != "done" for _, state, _ in self.states) else 0


def supervise(
    runs: Iterable[PlannedRun],
    command: Command,
    *,
    jobs: int,
    observer: Observer | None = None,
    grace: float = 60.0,
    poll: float = 0.1,
    environments: Sequence[Mapping[str, str]] = (),
    withdrawn: Callable[[PlannedRun], bool] | None = None,
) -> Outcome:
    """Run every run in a worker process, at most ``jobs`` at a time. To be called from the main thread.

    A run that fails does not stop the others; one whose worker crashed is started again, once. On SIGINT,
    SIGTERM, SIGHUP or SIGUSR2 the workers are asked to stop; those that have not after ``grace`` seconds are
    killed, all of them at once at a second Ctrl-C or hang-up. No worker outlives the call, nor (on Linux) the
    process.

    Args:
        runs: started in this order.
        command: a worker's command line, given its run directory.
        jobs: upper bound on workers at the same time.
        observer: told what happens.
        grace: seconds between the request to stop and the kill; a worker needs them to come to the end of its
            rollout and write a checkpoint.
        poll: seconds between looks at the workers.
        environments: variables of the workers at each of the ``jobs`` places, e.g. their GPU; places beyond
            these begin again with the first.
        withdrawn: asked of every run again and again; one that it says yes to is stopped, or not started.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    supervisor = _Supervisor(deque(runs), command, jobs, observer or Observer(), grace, poll)
    supervisor.environments = environments
    supervisor.withdrawn = withdrawn
    return supervisor.run()


class _Supervisor:
    def __init__(
        self,
        waiting: deque[PlannedRun],
        command: Command,
        jobs: int,
        observer: Observer,
        grace: float,
        poll: float,
    ) -> None:
        self.waiting = waiting
        self.command = command
        self.jobs = jobs
        self.observer = observer
        self.grace = grace
        self.poll = poll
        self.outcome = Outcome()
        self.workers: list[Worker] = []
        self.environments: Sequence[Mapping[str, str]] = ()
        self.withdrawn: Callable[[PlannedRun], bool] | None = None
        self.places = list(range(jobs))
        self.restarts: Counter[Path] = Counter()
        self.signals: list[signal.Signals] = []
        self.stopping = False
        self.deadline = float("inf")

    def run(self) -> Outcome:
        with self._signals_counted():
            try:
                self._loop()
            finally:
                for worker in self.workers:
                    worker.kill()
                    self._settle(worker)
                self.observer.close()
        self.outcome.signal_name = self.signals[0].name if self.signals else None
        self.outcome.n_not_started = len(self.waiting)
        return self.outcome

    def _loop(self) -> None:
        while self.workers or (self.waiting and not self.signals):
            if self.signals:
                self._stop()
            else:
                self._withdraw()
                self._start()
            self.observer.tick([worker.run for worker in self.workers], len(self.waiting))
            time.sleep(self.poll)
            self._reap()

    def _start(self) -> None:
        while self.waiting and len(self.workers) < self.jobs and not self.signals:
            run = self.waiting.popleft()
            try:
                state, _ = found_state(run.record)
                if state == "done" or state == "running":
                    self.outcome.n_skipped += 1
                    self.observer.skipped(run, state)
                    continue
                self.workers.append(Worker(run, self.command, self.places[0], self._environment()))
                del self.places[0]
            except RecordError as error:
                self._note(run, "failed", f"could not be started: {error}")
            except (OSError, NotStarted) as error:
                self._note(run, "failed", f"could not be started: {error}")
                _leave_failed(run.record, f"could not be started: {error}")
            else:
                self.observer.started(run)

    def _environment(self) -> Mapping[str, str]:
        return self.environments[self.places[0] % len(self.environments)] if self.environments else {}

    def _withdraw(self) -> None:
        if self.withdrawn is None:
            return
        self.waiting = deque(run for run in self.waiting if not self.withdrawn(run))
        for worker in self.workers:
            if not worker.stopping and self.withdrawn(worker.run):
                worker.stop()

    def _reap(self) -> None:
        for worker in [worker for worker in self.workers if worker.ended()]:
            self.workers.remove(worker)
            self.places = sorted([*self.places, worker.place])
            self._settle(worker)

    def _settle(self, worker: Worker) -> None:
        try:
            state, error = worker.settle()
        except OSError as problem:
            state, error = "failed", f"its status could not be written: {problem}"
        directory = worker.run.record.directory
        if state == "failed" and worker.crashed and not self.signals and self.restarts[directory] < RESTARTS:
            self.restarts[directory] += 1
            self.waiting.appendleft(worker.run)
            self.observer.restarted(worker.run, str(error))
            return
        self._note(worker.run, state, error)

    def _note(self, run: PlannedRun, state: State, error: str | None) -> None:
        self.outcome.states.append((run, state, error))
        self.observer.ended(run, state, error)

    def _stop(self) -> None:
        if not self.stopping:
            self.stopping = True
            self.deadline = time.monotonic() + self.grace
            self.observer.stopping(len(self.workers), self.grace)
            for worker in self.workers:
                worker.stop()
        if self._impatient() or time.monotonic() > self.deadline:
            for worker in self.workers:
                worker.kill()

    def _impatient(self) -> bool:
        """A user's second signal. A scheduler's (SIGUSR2, then SIGTERM) only repeats the first."""
        return len(self.signals) > 1 and self.signals[-1] in (signal.SIGINT, signal.SIGHUP)

    @contextmanager
    def _signals_counted(self) -> Iterator[None]:
        def count(number: int, frame: FrameType | None) -> None:
            self.signals.append(signal.Signals(number))

        before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # nohup, and shells' background jobs, ignore some on purpose
                signal.signal(number, count)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _leave_failed(record: RunRecord, error: str) -> None:
    """Make the record of a run that could not be started say so, as far as it can be written."""
    with suppress(OSError, RecordError):
        status = record.status()
        kept = {key: status[key] for key in ("timesteps", "n_timesteps") if key in status}
        record.set_status("failed", **kept, error=error)
