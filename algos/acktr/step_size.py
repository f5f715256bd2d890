"""The step size of the released MuJoCo code, adapted to the KL divergence that updates turn out to have."""

from __future__ import annotations

FACTOR = 1.5
LOWEST, HIGHEST = 1e-8, 1.0
"""Bounds of the step size, as in the released code."""


def adapted_factor(factor: float, eta_max: float, kl: float, target_kl: float) -> float:
    """What ``eta_max`` is to be multiplied by at the next update.

    The step size is divided by 1.5 if the last update's KL divergence was above twice the target, multiplied
    by 1.5 if it was below half of it, and kept within :data:`LOWEST` and :data:`HIGHEST`.

    Args:
        factor: what it was multiplied by at the last update.
        eta_max: the value of the schedule at the last update.
        kl: realised KL divergence of the last update in nats; NaN changes nothing.
        target_kl: desired KL divergence in nats.
    """
    eta = factor * eta_max
    if kl > 2 * target_kl:
        eta /= FACTOR
    elif kl < target_kl / 2:
        eta *= FACTOR
    else:
        return factor
    return min(max(eta, LOWEST), HIGHEST) / eta_max if eta_max > 0 else factor
