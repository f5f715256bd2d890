"""Proof of exact resume for one run: once whole, then killed at random moments, resumed, and compared.

A worker is killed as clusters and machines do it (:class:`Kill`). Moments are drawn uniformly over the time
that the whole run took. Where a run ends before its killer comes, the next one is begun, until all kills
have been made. Every interrupted run must equal the whole one in ``episodes.csv``, in ``progress.csv``
(both without wall-clock columns) and in every tensor of the final model, bit for bit.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing.process import BaseProcess
from pathlib import Path

from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from algos.registry import get_agent
from harness.records import RunRecord
from harness.runner.checkpoint import checkpoint_directories
from harness.runner.compare import Comparison, compare
from harness.runner.exit_codes import ExitCode
from harness.spec import RunSpec, SpecError


class Kill(Enum):
    """How a worker is interrupted."""

    SIGKILL = "SIGKILL"
    SIGTERM = "SIGTERM"
    SIGUSR2 = "SIGUSR2"
    POWER_CUT = "power cut"
    """SIGKILL; then the newest of two checkpoints is cut off somewhere, and so are the CSV files."""


@dataclass(frozen=True)
class Interruption:
    """One kill: of which run, how, after how many seconds, and the worker's exit code."""

    run: int
    kind: Kill
    after_seconds: float
    exit_code: int


@dataclass
class Verdict:
    """What was done and found.

    Attributes:
        whole_seconds: what the uninterrupted run took.
        interruptions: every kill, in order.
        resumed: how many of them were gone on from; after the others the run began anew, or was at its end.
        comparisons: three for each interrupted run.
    """

    whole_seconds: float
    interruptions: list[Interruption] = field(default_factory=list)
    resumed: int = 0
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether nothing differs."""
        return all(comparison.difference is None for comparison in self.comparisons)


class WorkerFailed(RuntimeError):
    """A worker ended with an error instead of being done or preempted; the message gives its log."""


def verify_resume(
    spec: RunSpec,
    directory: Path,
    kills: int,
    *,
    checkpoint_seconds: float = 0.0,
    draw: random.Random | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Verdict:
    """Do the run whole and interrupted ``kills`` times; compare.

    Args:
        spec: the run.
        directory: gets ``whole`` and ``interrupted-1`` and so on, run directories; must not hold any yet.
        kills: interruptions over all.
        checkpoint_seconds: between checkpoints; 0 is one a rollout.
        draw: draws kinds and moments.
        tell: told of each step, in a line.

    Raises:
        SpecError: the agent has no exact resume: it starts again from zero, which would prove nothing.
        WorkerFailed: a worker ended otherwise than done or as it was killed, or the agent's code changed.
    """
    if not issubclass(get_agent(spec.algo).load(), OnPolicyAlgorithm):
        raise SpecError(f"{spec.algo} starts again from zero: exact resume exists for on-policy agents only")
    return _Verification(spec, directory, checkpoint_seconds, draw or random.Random(0), tell).run(kills)


class _Verification:
    def __init__(
        self,
        spec: RunSpec,
        directory: Path,
        checkpoint_seconds: float,
        draw: random.Random,
        tell: Callable[[str], None],
    ) -> None:
        self.spec = spec
        self.directory = directory
        self.arguments = ("--checkpoint-seconds", str(checkpoint_seconds))
        self.draw = draw
        self.tell = tell

    def run(self, kills: int) -> Verdict:
        _start_server(self.spec.algo)
        started = time.perf_counter()
        whole = self._record("whole")
        self._finish(whole)
        verdict = Verdict(time.perf_counter() - started)
        self.tell(f"whole run: {verdict.whole_seconds:.1f} s")
        kinds: list[Kill] = []
        while len(kinds) < kills:
            kinds += self.draw.sample(list(Kill), len(Kill))
        kinds = kinds[:kills]
        number = 0
        while kinds:
            number += 1
            record = self._record(f"interrupted-{number}")
            self._interrupt(record, number, kinds, verdict)
            self._finish(record)
            self._same_code(whole, record)
            verdict.resumed += resumed(record)
            verdict.comparisons += compare(whole, record, number)
        return verdict

    def _record(self, name: str) -> RunRecord:
        record = RunRecord(self.directory / name)
        record.create(self.spec.to_json(), None)
        return record

    def _interrupt(self, record: RunRecord, number: int, kinds: list[Kill], verdict: Verdict) -> None:
        """Kill the run at random moments until it is done or ``kinds`` is used up."""
        while kinds:
            delay = self.draw.uniform(0.0, verdict.whole_seconds)
            worker = _start(record, self.arguments)
            worker.join(delay)
            if worker.exitcode == ExitCode.DONE:
                return
            kind = kinds[0]
            if worker.exitcode is None and worker.pid is not None:
                os.kill(worker.pid, _SIGNALS[kind])
            worker.join()
            code = worker.exitcode or 0
            if code == ExitCode.DONE:  # the signal came in the last rollout
                return
            if code not in (-_SIGNALS[kind], ExitCode.PREEMPTED):
                raise WorkerFailed(_complaint(record, code))
            kinds.pop(0)
            if kind is Kill.POWER_CUT:
                _tear(record, self.draw)
            verdict.interruptions.append(Interruption(number, kind, delay, code))
            self.tell(f"run {number}: {kind.value} after {delay:.1f} s, {_newest(record)}")

    def _same_code(self, whole: RunRecord, other: RunRecord) -> None:
        attempts = [*whole.attempts, *other.attempts]
        if len({attempt["provenance"]["agent_digest"] for attempt in attempts}) > 1:
            raise WorkerFailed(
                f"the code of {self.spec.algo} changed during the verification; start it again"
            )

    def _finish(self, record: RunRecord) -> None:
        worker = _start(record, self.arguments)
        worker.join()
        if worker.exitcode != ExitCode.DONE:
            raise WorkerFailed(_complaint(record, worker.exitcode or 0))


_SIGNALS = {
    Kill.SIGKILL: signal.SIGKILL,
    Kill.SIGTERM: signal.SIGTERM,
    Kill.SIGUSR2: signal.SIGUSR2,
    Kill.POWER_CUT: signal.SIGKILL,
}


def resumed(record: RunRecord) -> int:
    """Attempts at a run that went on in the middle of it."""
    return sum(0 < attempt["resumed_at"] < record.spec["n_timesteps"] for attempt in record.attempts)


def _tear(record: RunRecord, draw: random.Random) -> None:
    """What a loss of power may do to files that were not flushed; one intact checkpoint stays."""
    directories = checkpoint_directories(record.checkpoints_directory)
    if len(directories) > 1:
        file = draw.choice(sorted(path for path in directories[0].iterdir() if path.stat().st_size))
        os.truncate(file, draw.randrange(file.stat().st_size))
    if record.episodes_file.exists():
        with record.episodes_file.open("ab") as episodes:
            episodes.write(b"99999,1")
    if record.progress_file.exists():
        os.truncate(record.progress_file, record.progress_file.stat().st_size // 2)


def _newest(record: RunRecord) -> str:
    directories = checkpoint_directories(record.checkpoints_directory)
    return f"newest checkpoint {directories[0].name}" if directories else "no checkpoint yet"


def _complaint(record: RunRecord, code: int) -> str:
    lines = record.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{record.directory}: exit code {code}: {lines[-1] if lines else 'no output'}"


_PRELOADED = (
    "harness.runner.train",
    "harness.envs.atari",
    "harness.envs.gym_vec",
    "gymnasium.envs.mujoco.mujoco_env",
    "torch._dynamo",  # which an optimizer imports when it is first made
)
_context = multiprocessing.get_context("forkserver")


def _start_server(algo: str) -> None:
    """Have a server import what a worker needs; workers forked from it are at work at once."""
    module = get_agent(algo).load().__module__
    _context.set_forkserver_preload([*_PRELOADED, module])
    probe = _context.Process(target=_nothing)
    probe.start()
    probe.join()


def _nothing() -> None:
    """Runs once the server is ready."""


def _start(record: RunRecord, arguments: Sequence[str]) -> BaseProcess:
    process = _context.Process(target=_work, args=(str(record.directory), tuple(arguments)), daemon=True)
    process.start()
    return process


def _die_with_parent() -> None:
    """Kill this process when the one that verifies is gone, however it ended; the server outlives it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _work(directory: str, arguments: Sequence[str]) -> None:
    """In the worker: what ``python -m harness.runner`` does, its output in ``log.txt``."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    log = os.open(RunRecord(Path(directory)).log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)

    from harness.runner.__main__ import main

    sys.exit(main([directory, *arguments]))
