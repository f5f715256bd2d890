"""Runs cases in fresh processes, in turn, and compares them round by round."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.bench.cases import Pair
from harness.spec import RunSpec


class BenchError(RuntimeError):
    """A case ended with an error; the message holds the last line that it printed."""


@dataclass(frozen=True)
class Sample:
    """One timed process: timesteps per second, CPU milliseconds per timestep, peak memory in MB."""

    steps_per_second: float
    cpu_ms: float
    peak_mb: float


@dataclass(frozen=True)
class Comparison:
    """Two cases, run in turn.

    Attributes:
        pair: what is compared.
        samples: of the case, one a round.
        reference_samples: of the reference, one a round.
    """

    pair: Pair
    samples: tuple[Sample, ...]
    reference_samples: tuple[Sample, ...]

    @property
    def speed(self) -> float:
        """Median timesteps per second of the case."""
        return median_speed(self.samples)

    @property
    def reference_speed(self) -> float:
        """Median timesteps per second of the reference."""
        return median_speed(self.reference_samples)

    @property
    def ratios(self) -> list[float]:
        """Case speed / reference speed of each round; above 1 the case is faster."""
        pairs = zip(self.samples, self.reference_samples, strict=True)
        return [a.steps_per_second / b.steps_per_second for a, b in pairs]

    @property
    def speed_ratio(self) -> float:
        """Median of :attr:`ratios`."""
        return statistics.median(self.ratios)

    @property
    def cpu_ratio(self) -> float:
        """Median over rounds of reference / case in CPU time per timestep."""
        pairs = zip(self.samples, self.reference_samples, strict=True)
        return statistics.median(b.cpu_ms / a.cpu_ms for a, b in pairs)

    @property
    def peak_mb(self) -> float:
        """Largest peak memory of the case in MB."""
        return max(sample.peak_mb for sample in self.samples)


def median_speed(samples: Sequence[Sample]) -> float:
    """Median timesteps per second."""
    return statistics.median(sample.steps_per_second for sample in samples)


def time_case(case: str | RunSpec, threads: int, scale: float = 1.0) -> Sample:
    """Time one case, by its name, or one run in a fresh process.

    Args:
        case: a key of :data:`harness.bench.cases.CASES`, or a run.
        threads: torch and environment threads.
        scale: factor on the number of timed timesteps.

    Raises:
        BenchError: the process failed.
    """
    what = {"case": case} if isinstance(case, str) else {"run": case.to_json()}
    name = case if isinstance(case, str) else f"{case.label} on {case.env_id}"
    with tempfile.TemporaryDirectory() as scratch:  # SB3's own logger leaves a directory for each agent
        done = subprocess.run(
            [sys.executable, "-m", "harness.bench.child"],
            input=json.dumps({**what, "threads": threads, "scale": scale}),
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "TMPDIR": scratch},
            check=False,
        )
    if done.returncode < 0:  # what it said last has nothing to do with it
        number = -done.returncode
        raise BenchError(f"{name}: killed by signal {number} ({signal.strsignal(number)})")
    if done.returncode != 0:
        raise BenchError(f"{name}: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    timesteps = result["timesteps"]
    return Sample(timesteps / result["seconds"], 1000 * result["cpu_seconds"] / timesteps, result["peak_mb"])


def compare(
    pairs: Sequence[Pair],
    rounds: int,
    threads: int,
    scale: float = 1.0,
    on_sample: Callable[[str, Sample], None] = lambda case, sample: None,
) -> list[Comparison]:
    """Run every pair ``rounds`` times, one process at a time.

    Cases with the same reference are one group: a round runs each of the group once, and every second round
    in the opposite order (A B R, R B A, ...), so that neither a slow drift nor the order favours one.

    Args:
        pairs: what is compared.
        rounds: processes of each case.
        threads: torch and environment threads of each process.
        scale: factor on the number of timed timesteps.
        on_sample: told of each finished process.
    """
    results = []
    for reference in dict.fromkeys(pair.reference for pair in pairs):
        group = [pair for pair in pairs if pair.reference == reference]
        names = [*(pair.case for pair in group), reference]
        samples: dict[str, list[Sample]] = {name: [] for name in names}
        for round_ in range(rounds):
            for name in names if round_ % 2 == 0 else reversed(names):
                samples[name].append(time_case(name, threads, scale))
                on_sample(name, samples[name][-1])
        results += [Comparison(pair, tuple(samples[pair.case]), tuple(samples[reference])) for pair in group]
    return results
