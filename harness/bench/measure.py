"""Runs cases in fresh processes, in turn, and compares them pair by pair."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.bench.cases import COMPARISONS


class BenchError(RuntimeError):
    """A case ended with an error; the message holds the last line that it printed."""


@dataclass(frozen=True)
class Sample:
    """One timed process: timesteps per second and peak memory in MB."""

    steps_per_second: float
    peak_mb: float


@dataclass(frozen=True)
class Comparison:
    """Two cases, run in turn.

    Attributes:
        title: what is compared.
        case: the case in question.
        reference: the case it is held against.
        samples: of the case, one a round.
        reference_samples: of the reference, one a round.
    """

    title: str
    case: str
    reference: str
    samples: tuple[Sample, ...]
    reference_samples: tuple[Sample, ...]

    @property
    def speed(self) -> float:
        """Median timesteps per second of the case."""
        return statistics.median(sample.steps_per_second for sample in self.samples)

    @property
    def reference_speed(self) -> float:
        """Median timesteps per second of the reference."""
        return statistics.median(sample.steps_per_second for sample in self.reference_samples)

    @property
    def speed_ratio(self) -> float:
        """Median over rounds of case speed / reference speed; above 1 the case is faster."""
        pairs = zip(self.samples, self.reference_samples, strict=True)
        return statistics.median(a.steps_per_second / b.steps_per_second for a, b in pairs)

    @property
    def peak_mb(self) -> float:
        """Largest peak memory of the case in MB."""
        return max(sample.peak_mb for sample in self.samples)


def run_case(case: str, threads: int, scale: float) -> Sample:
    """Time one case in a fresh process.

    Raises:
        BenchError: the process failed.
    """
    command = [
        sys.executable,
        "-m",
        "harness.bench.child",
        case,
        "--threads",
        str(threads),
        "--scale",
        str(scale),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise BenchError(f"{case}: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    return Sample(result["timesteps"] / result["seconds"], result["peak_mb"])


def compare(
    rounds: int,
    threads: int,
    scale: float = 1.0,
    comparisons: Sequence[tuple[str, str, str]] = COMPARISONS,
    on_sample: Callable[[str, Sample], None] = lambda case, sample: None,
) -> list[Comparison]:
    """Run every comparison ``rounds`` times, its two cases in turn (A B A B), one process at a time.

    Args:
        rounds: processes of each case.
        threads: torch and environment threads of each process.
        scale: factor on the number of timed timesteps.
        comparisons: (case, reference, title).
        on_sample: told of each finished process.
    """
    results = []
    for case, reference, title in comparisons:
        samples: dict[str, list[Sample]] = {case: [], reference: []}
        for _ in range(rounds):
            for name in (case, reference):
                sample = run_case(name, threads, scale)
                on_sample(name, sample)
                samples[name].append(sample)
        results.append(Comparison(title, case, reference, tuple(samples[case]), tuple(samples[reference])))
    return results
