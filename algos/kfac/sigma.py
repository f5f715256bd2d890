"""The critic's noise level: sigma of adaptive Gauss-Newton (section 5.3 and Appendix D)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RunningSigma(nn.Module):
    """Running standard deviation of the critic's Bellman error, for ``Gaussian(value, sigma)``.

    The variance of each batch is averaged with weights ``decay^age``, normalised by their sum, so that the
    first batches are not biased towards a starting value. Its two numbers are buffers and travel in the
    ``state_dict``. A batch with a non-finite error is left out.

    Args:
        decay: weight that the past keeps per update, in [0, 1).
        minimum: sigma never falls below it, so that a perfect critic does not blow up its Fisher matrix.

    Raises:
        ValueError: an argument is out of range.
    """

    variance: Tensor
    weight: Tensor

    def __init__(self, decay: float = 0.99, minimum: float = 1e-2) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay}: expected a number in [0, 1)")
        if not minimum > 0:
            raise ValueError(f"minimum={minimum}: expected a positive number")
        self.decay = decay
        self.minimum = minimum
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("weight", torch.zeros(()))

    @torch.no_grad()
    def forward(self, errors: Tensor) -> Tensor:
        """Take in a batch of errors ``[N]`` (targets minus values); return sigma, 0-d."""
        batch = errors.var(correction=0)
        past = self.decay * self.weight
        weight = past + 1 - self.decay
        keep = past / weight
        mean = keep * self.variance + (1 - keep) * batch
        finite = batch.isfinite()
        self.variance.copy_(torch.where(finite, mean, self.variance))
        self.weight.copy_(torch.where(finite, weight, self.weight))
        return self.sigma

    @property
    def sigma(self) -> Tensor:
        """The running standard deviation, 0-d; 1 before the first batch."""
        return self.variance.sqrt().clamp(min=self.minimum)
