"""Whole-run stratified bootstrap: which runs a resample holds, as counts that every statistic shares.

The runs of a task are its stratum. A resample draws, within each task, as many runs as there are, with
replacement; a run comes with its whole curve, so that statistics of different checkpoints stay dependent. A
resample is held as counts (how often each run was drawn): statistics are functions of weights on the sorted
runs, and none of them gathers or sorts values per resample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
WeightArray = npt.NDArray[np.float32] | npt.NDArray[np.float64]

DEFAULT_REPLICATIONS = 50_000
_ENOUGH_DRAWS = 5_000_000
_FEW_RUNS = 24
_CHUNK_ELEMENTS = 250_000  # of float32: a chunk's counts stay in the processor's cache


@dataclass(frozen=True)
class RunScores:
    """Scores of one algorithm's runs on several tasks; tasks may differ in their number of runs.

    Attributes:
        tasks: names, in order.
        sizes: runs per task.
        values: ``[runs, points]``, the runs of the first task first; one point for scalar scores.
    """

    tasks: tuple[str, ...]
    sizes: tuple[int, ...]
    values: FloatArray

    @classmethod
    def of(cls, scores: Mapping[str, npt.ArrayLike]) -> RunScores:
        """From task -> ``[runs]`` scores or ``[runs, points]`` curves on one common grid.

        Raises:
            ValueError: no task, a task without runs, curves of different lengths, or a score that is NaN or
                infinite (leave such a run out by name before comparing; nothing is dropped here).
        """
        if not scores:
            raise ValueError("scores: expected at least one task")
        blocks = []
        for task, given in scores.items():
            block = np.asarray(given, dtype=np.float64)
            block = block[:, None] if block.ndim == 1 else block
            if block.ndim != 2 or block.shape[0] == 0:
                raise ValueError(f"scores of {task}: expected [runs] or [runs, points] with at least one run")
            bad = np.argwhere(~np.isfinite(block))
            if len(bad):
                run, point = bad[0]
                raise ValueError(f"scores of {task}: run {run + 1} has {block[run, point]}")
            blocks.append(block)
        if len({block.shape[1] for block in blocks}) > 1:
            raise ValueError("scores: expected curves of one length in every task")
        return cls(tuple(scores), tuple(len(block) for block in blocks), np.concatenate(blocks))

    @property
    def balanced(self) -> bool:
        """Whether every task has the same number of runs."""
        return len(set(self.sizes)) == 1

    @property
    def base_weights(self) -> FloatArray:
        """``[runs]`` weights that give every task the same total; they add up to the number of runs."""
        runs = sum(self.sizes)
        return np.repeat([runs / (len(self.sizes) * size) for size in self.sizes], self.sizes)

    def slices(self) -> Iterator[slice]:
        """The rows of each task."""
        start = 0
        for size in self.sizes:
            yield slice(start, start + size)
            start += size

    def point(self, index: int) -> FloatArray:
        """``[runs]`` scores at one point of the grid."""
        return self.values[:, index]


def resampled_weights(
    scores: RunScores, replications: int, seed: int | Sequence[int]
) -> Iterator[npt.NDArray[np.float32]]:
    """Weights of the resamples, in chunks ``[runs, replications of the chunk]``.

    Each column adds up to the number of runs. The same arguments give the same weights.

    Raises:
        ValueError: fewer than one replication.
    """
    if replications < 1:
        raise ValueError(f"replications: expected at least 1, got {replications}")
    generator = np.random.default_rng(seed)
    runs = sum(scores.sizes)
    base = scores.base_weights.astype(np.float32)
    width = max(1, min(replications, _CHUNK_ELEMENTS // runs))
    for start in range(0, replications, width):
        columns = min(width, replications - start)
        weights = np.empty((runs, columns), dtype=np.float32)
        for rows, size in zip(scores.slices(), scores.sizes, strict=True):
            weights[rows] = _counts(generator, size, columns)
        if not scores.balanced:
            weights *= base[:, None]
        yield weights


def enough_replications(runs: int) -> int:
    """50,000 replications of up to 100 runs, fewer of more (their tails are less far out), at least 2,000."""
    return max(2_000, min(DEFAULT_REPLICATIONS, _ENOUGH_DRAWS // runs))


def _counts(generator: np.random.Generator, size: int, columns: int) -> npt.NDArray[np.integer]:
    """``[size, columns]``: how often each of ``size`` runs is drawn in ``size`` draws."""
    if size <= _FEW_RUNS:
        drawn = generator.integers(0, size, size=(size, columns), dtype=np.uint8)
        return np.stack([(drawn == run).sum(axis=0, dtype=np.uint8) for run in range(size)])
    places = generator.integers(0, size, size=(size, columns)) * columns + np.arange(columns)
    return np.bincount(places.ravel(), minlength=size * columns).reshape(size, columns)
