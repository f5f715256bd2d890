"""A trust region that shrinks where there is little to learn."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AdvantageRadius(nn.Module):
    """Factor in [0, 1] for delta: a batch's advantage variance against the mean of all variances so far.

    The step at a fixed radius is the same however small the advantages are. Once a policy is nearly perfect
    they are noise, and full steps along noise undo it. With the factor ``min(1, Var(A) / mean Var(A))`` the
    step's length is proportional to the advantages' standard deviation, as in gradient ascent on advantages
    that are not normalised by the batch, and delta is its upper bound. The mean runs over all updates: a
    policy that stays perfect does not wear the reference down to its own noise.

    The root of the factor is the batch's standard deviation against the reference's. Standardised advantages
    times it are advantages divided by one running scale, but for those of batches above it. The agent takes
    these, so that its average of steps follows the gradient; with a standard deviation of 1 in every batch
    those with nothing to teach, which may be most, would weigh as much in it as any other.

    Its two numbers are buffers and travel in the ``state_dict``. A batch with a non-finite variance leaves
    them as they are and gives 0.
    """

    mean_variance: Tensor
    n_updates: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean_variance", torch.zeros((), dtype=torch.float64))
        self.register_buffer("n_updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, advantages: Tensor) -> Tensor:
        """Take in the advantages ``[N]`` of a batch, as estimated, not normalised; return the factor, 0-d."""
        variance = advantages.double().var(correction=0)
        finite = variance.isfinite()
        n_updates = self.n_updates + 1
        mean = self.mean_variance + (variance - self.mean_variance) / n_updates
        self.mean_variance.copy_(torch.where(finite, mean, self.mean_variance))
        self.n_updates.copy_(torch.where(finite, n_updates, self.n_updates))
        factor = torch.where(self.mean_variance > 0, variance / self.mean_variance, torch.ones_like(variance))
        return torch.where(finite, factor.clamp(max=1.0), torch.zeros_like(factor)).float()
