"""How much of what values were to predict they do, computed where they lie."""

from __future__ import annotations

import torch
from torch import Tensor


def explained_variance(predictions: Tensor, targets: Tensor) -> Tensor:
    """``1 - Var(targets - predictions) / Var(targets)``, 0-d; NaN for constant targets."""
    variance = targets.var()
    share = 1 - (targets - predictions).var() / variance
    return torch.where(variance > 0, share, torch.full_like(share, float("nan")))
