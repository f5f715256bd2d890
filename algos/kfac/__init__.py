"""K-FAC trust-region optimizer for PyTorch (Wu et al. 2017); needs nothing but torch. See README.md here."""

from algos.kfac.distributions import (
    Bernoulli,
    Categorical,
    DiagGaussian,
    Gaussian,
    MultiCategorical,
    OutputDistribution,
    realised_kl,
)
from algos.kfac.errors import KFACError
from algos.kfac.optimizer import KFAC
from algos.kfac.sigma import RunningSigma

__all__ = [
    "KFAC",
    "Bernoulli",
    "Categorical",
    "DiagGaussian",
    "Gaussian",
    "KFACError",
    "MultiCategorical",
    "OutputDistribution",
    "RunningSigma",
    "realised_kl",
]
