"""Distributions of a run's score, with mean about 1, that simulations draw from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]


def gaussian(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Standard deviation 0.35 of the mean."""
    return generator.normal(1.0, 0.35, shape)


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Log-normal: mean 1, standard deviation 0.66."""
    return generator.lognormal(-0.18, 0.6, shape)


def bimodal(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Half of the runs fail: 0.3 or 1.2."""
    return np.where(generator.random(shape) < 0.5, 0.3, 1.2) + generator.normal(0.0, 0.1, shape)


DISTRIBUTIONS: dict[str, Draw] = {"Gaussian": gaussian, "skewed": skewed, "bimodal": bimodal}
