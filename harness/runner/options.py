"""How a worker is to train; none of it is part of the run's identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Options:
    """What the worker's command line says.

    Attributes:
        device: where to train.
        num_threads: of torch and of the environments.
        checkpoint_seconds: between checkpoints, 0 for one a rollout; None is
            :class:`harness.runner.safe_points.Checkpointer`'s default.
        fresh: start from zero, whatever earlier attempts left.
        allow_code_change: continue from a checkpoint of other code or packages.
        tensorboard: write the rows of ``progress.csv`` as TensorBoard's event files too.
    """

    device: Literal["auto", "cpu", "cuda"] = "cpu"
    num_threads: int = 1
    checkpoint_seconds: float | None = None
    fresh: bool = False
    allow_code_change: bool = False
    tensorboard: bool = False
