"""A trust region that shrinks where there is little to learn, or where the average of steps knows little."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AdvantageRadius(nn.Module):
    """Factor in [0, 1] for delta, and the weight of a batch's standardised advantages.

    The step at a fixed radius is the same however small the advantages are. Once a policy is nearly perfect
    they are noise, and full steps along noise undo it. With ``f = min(1, Var(A) / mean Var(A))`` the
    step's length is proportional to the advantages' standard deviation, as in gradient ascent on advantages
    that are not normalised by the batch, and delta is its upper bound. The mean runs over all updates: a
    policy that stays perfect does not wear the reference down to its own noise.

    The weight ``sqrt(f)`` is the batch's standard deviation against the reference's. Standardised advantages
    times it are advantages divided by one running scale, but for those of batches above it. The agent takes
    these, so that its average of steps follows the gradient; with a standard deviation of 1 in every batch
    those with nothing to teach, which may be most, would weigh as much in it as any other.

    A weighted average stands for fewer batches than one of equal weights: after many small batches a large
    one is nearly all of it, and its direction is as noisy as a single batch's. The factor is therefore ``f``
    times the effective number of batches, ``(sum w)^2 / sum w^2`` with ``w`` the weight times the momentum's
    decay, over that of equal weights, and at most 1; without an average of weighted directions it is ``f``.

    Its numbers are buffers and travel in the ``state_dict``. A batch with a non-finite variance leaves them
    as they are and gives a factor of 0.

    Args:
        momentum: decay of the average that weighted directions go into; 0 for none.
    """

    mean_variance: Tensor
    n_updates: Tensor
    sums: Tensor
    _decay: Tensor

    def __init__(self, momentum: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean_variance", torch.zeros((), dtype=torch.float64))
        self.register_buffer("n_updates", torch.zeros((), dtype=torch.int64))
        # Of w, w^2, and of both for equal weights.
        self.register_buffer("sums", torch.zeros(4, dtype=torch.float64))
        self.register_buffer("_decay", torch.tensor([momentum, momentum**2] * 2, dtype=torch.float64), False)

    @torch.no_grad()
    def forward(self, advantages: Tensor) -> tuple[Tensor, Tensor]:
        """Factor and weight, 0-d, of a batch with advantages ``[N]``, as estimated, not normalised."""
        variance = advantages.double().var(correction=0)
        finite = variance.isfinite()
        n_updates = self.n_updates + 1
        mean = self.mean_variance + (variance - self.mean_variance) / n_updates
        self.mean_variance.copy_(torch.where(finite, mean, self.mean_variance))
        self.n_updates.copy_(torch.where(finite, n_updates, self.n_updates))
        f = torch.where(self.mean_variance > 0, variance / self.mean_variance, torch.ones_like(variance))
        f = f.clamp(max=1.0)
        one, weight = torch.ones_like(f), f.sqrt()
        sums = self._decay * self.sums + torch.stack([weight, f, one, one])
        self.sums.copy_(torch.where(finite, sums, self.sums))
        total, squares, n, n_squares = self.sums.unbind()
        share = torch.where(squares > 0, (total**2 / squares) / (n**2 / n_squares), one)
        factor = torch.where(finite, (f * share).clamp(max=1.0), torch.zeros_like(f))
        return factor.float(), torch.where(finite, weight, torch.zeros_like(f)).float()
