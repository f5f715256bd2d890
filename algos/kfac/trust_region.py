"""Step length: the trust region of section 3.2, the Gauss-Newton step rule, and the exact metric.

With ``u`` the step at the full learning rate and ``q = u' F u``, the KL divergence of the step ``nu u`` is
``nu^2 q / 2`` to second order, so the largest step inside the radius delta has ``nu = sqrt(2 delta / q)``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call

from algos.kfac.distributions import OutputDistribution


@dataclass
class Step:
    """How far to go along ``u``; every field is a 0-d tensor."""

    scale: Tensor
    predicted_kl: Tensor
    clipped: Tensor
    ok: Tensor


def step_length(rule: str, slope: Tensor, quadratic: Tensor, delta: float | Tensor, sound: Tensor) -> Step:
    """Fraction ``nu`` of ``u`` to take, in [0, 1].

    Args:
        rule: ``"trust_region"``: ``min(1, sqrt(2 delta / q))``. ``"gauss_newton"``: also at most ``g'u / q``,
            the minimiser of the quadratic model ``-nu g'u + nu^2 q / 2`` along ``u``.
        slope: ``g'u``.
        quadratic: ``q = u'Fu``.
        delta: trust-region radius in nats.
        sound: further conditions for taking the step.

    Returns:
        ``ok`` is False, and the step zero, when `sound` is, when ``q`` is negative or anything is non-finite.
    """
    ok = sound & slope.isfinite() & quadratic.isfinite() & (quadratic >= 0)
    room = (2 * delta).to(quadratic) if isinstance(delta, Tensor) else 2 * delta
    ratio = torch.where(quadratic > 0, quadratic.reciprocal() * room, math.inf).sqrt()
    if rule == "gauss_newton":
        best = torch.where(quadratic > 0, slope / quadratic, torch.ones_like(slope))
        free = best.clamp(0, 1)
    else:
        free = torch.ones_like(slope)
    zero = torch.zeros_like(slope)
    scale = torch.where(ok, torch.minimum(free, ratio), zero)
    predicted = torch.where(ok, 0.5 * scale.square() * quadratic, zero)
    return Step(scale, predicted, ok & (ratio < free), ok)


def exact_quadratic(
    model: nn.Module,
    tangents: Mapping[str, Tensor],
    call: tuple[tuple[Any, ...], dict[str, Any]],
    distributions: Sequence[OutputDistribution],
) -> Tensor:
    """``u' F u`` with the exact Fisher of the model's outputs on one batch, by one forward-mode product; 0-d.

    Args:
        model: returns one output tensor or a sequence of them.
        tangents: ``u``, by parameter name.
        call: positional and keyword arguments of the model.
        distributions: one per output.
    """
    with forward_ad.dual_level():
        moving = {
            name: forward_ad.make_dual(parameter.detach(), tangents[name])  # type: ignore[no-untyped-call]
            for name, parameter in model.named_parameters()
            if name in tangents
        }
        duals = as_outputs(functional_call(model, moving, call[0], call[1]))
        moved = [forward_ad.unpack_dual(dual).tangent for dual in duals]  # type: ignore[no-untyped-call]
    none = distributions[0].output.new_zeros(())
    return torch.stack(
        [
            none if tangent is None else distribution.quadratic(tangent).mean()
            for distribution, tangent in zip(distributions, moved, strict=True)
        ]  # no tangent: an output that none of the moved parameters reaches
    ).sum()


def as_outputs(outputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """One output or several, always as a tuple."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
