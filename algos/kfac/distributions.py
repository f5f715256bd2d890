"""Output distributions p(y | output): scores to back-propagate, the output Fisher, and the KL divergence.

Every class holds one model output of shape ``[N, ...]`` and never divides by the batch size ``N``. With
``l = log p(y | output)`` the score is ``dl/d output`` and the output Fisher is ``F = E_y[score score']``,
one matrix per example.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional


class OutputDistribution(ABC):
    """Distribution of one output head.

    Args:
        output: the model's output for this head, ``[N, ...]``.
    """

    def __init__(self, output: Tensor) -> None:
        self.output = output

    @abstractmethod
    def score_sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Score of one outcome drawn per example from this distribution, shaped like `output`, detached."""

    @abstractmethod
    def score_columns(self) -> Tensor:
        """``[C, N, ...]``: columns with ``F = sum_c column_c column_c'`` exactly."""

    @abstractmethod
    def quadratic(self, tangent: Tensor) -> Tensor:
        """``tangent' F tangent`` per example, ``[N]``; `tangent` is shaped like `output`."""

    @abstractmethod
    def kl(self, other: Self) -> Tensor:
        """``KL(self || other)`` per example in nats, ``[N]``."""

    @abstractmethod
    def detach(self) -> Self:
        """A frozen copy: later changes of the parameters it was made from do not reach it."""

    @abstractmethod
    def take(self, index: Tensor) -> Self:
        """The distribution of the examples in `index` only."""


class Categorical(OutputDistribution):
    """One discrete action per example; `output` is unnormalised log-probabilities ``[N, K]``."""

    def score_sample(self, generator: torch.Generator | None = None) -> Tensor:
        p = self.output.detach().softmax(-1)
        u = torch.rand(p.shape[:-1], generator=generator, dtype=p.dtype, device=p.device)
        # Inverse transform: NaN in, NaN out, where torch.multinomial raises without naming anything.
        y = (p.cumsum(-1) < u.unsqueeze(-1)).sum(-1).clamp_max(p.shape[-1] - 1)
        return torch.zeros_like(p).scatter_(-1, y.unsqueeze(-1), 1.0) - p

    def score_columns(self) -> Tensor:
        p = self.output.detach().softmax(-1)
        eye = torch.eye(p.shape[-1], dtype=p.dtype, device=p.device)
        return p.T.sqrt().unsqueeze(-1) * (eye.unsqueeze(1) - p)

    def quadratic(self, tangent: Tensor) -> Tensor:
        p = self.output.detach().softmax(-1)
        mean = (p * tangent).sum(-1, keepdim=True)
        return (p * (tangent - mean).square()).sum(-1)

    def kl(self, other: Self) -> Tensor:
        ours, theirs = self.output.log_softmax(-1), other.output.log_softmax(-1)
        return (ours.exp() * (ours - theirs)).sum(-1)

    def detach(self) -> Self:
        return type(self)(self.output.detach().clone())

    def take(self, index: Tensor) -> Self:
        return type(self)(self.output[index])


class MultiCategorical(OutputDistribution):
    """Several independent discrete actions; `output` is their logits side by side, ``[N, sum(nvec)]``.

    Args:
        output: ``[N, sum(nvec)]``.
        nvec: number of choices of each action.

    Raises:
        ValueError: if ``sum(nvec)`` is not the width of `output`.
    """

    def __init__(self, output: Tensor, nvec: Sequence[int]) -> None:
        super().__init__(output)
        self.nvec = [int(n) for n in nvec]
        if sum(self.nvec) != output.shape[-1]:
            raise ValueError(
                f"nvec={self.nvec} needs an output of width {sum(self.nvec)}, got {output.shape[-1]}"
            )

    def _parts(self, tensor: Tensor) -> list[Categorical]:
        return [Categorical(part) for part in torch.split(tensor, self.nvec, dim=-1)]

    def score_sample(self, generator: torch.Generator | None = None) -> Tensor:
        return torch.cat([part.score_sample(generator) for part in self._parts(self.output)], dim=-1)

    def score_columns(self) -> Tensor:
        blocks, start, width = [], 0, self.output.shape[-1]
        for part in self._parts(self.output):
            columns = part.score_columns()
            end = start + columns.shape[-1]
            blocks.append(functional.pad(columns, (start, width - end)))
            start = end
        return torch.cat(blocks)

    def quadratic(self, tangent: Tensor) -> Tensor:
        pieces = torch.split(tangent, self.nvec, dim=-1)
        parts = self._parts(self.output)
        return torch.stack([part.quadratic(t) for part, t in zip(parts, pieces, strict=True)]).sum(0)

    def kl(self, other: Self) -> Tensor:
        pairs = zip(self._parts(self.output), other._parts(other.output), strict=True)
        return torch.stack([ours.kl(theirs) for ours, theirs in pairs]).sum(0)

    def detach(self) -> Self:
        return type(self)(self.output.detach().clone(), self.nvec)

    def take(self, index: Tensor) -> Self:
        return type(self)(self.output[index], self.nvec)


class Bernoulli(OutputDistribution):
    """Independent binary actions; `output` is their logits ``[N, K]``."""

    def score_sample(self, generator: torch.Generator | None = None) -> Tensor:
        p = self.output.detach().sigmoid()
        u = torch.rand(p.shape, generator=generator, dtype=p.dtype, device=p.device)
        return (u < p).to(p.dtype) - p

    def score_columns(self) -> Tensor:
        p = self.output.detach().sigmoid()
        return _diagonal_columns((p * (1 - p)).sqrt())

    def quadratic(self, tangent: Tensor) -> Tensor:
        p = self.output.detach().sigmoid()
        return (p * (1 - p) * tangent.square()).flatten(1).sum(-1)

    def kl(self, other: Self) -> Tensor:
        ours, theirs = self.output, other.output
        on = ours.sigmoid() * (functional.logsigmoid(ours) - functional.logsigmoid(theirs))
        off = (-ours).sigmoid() * (functional.logsigmoid(-ours) - functional.logsigmoid(-theirs))
        return (on + off).flatten(1).sum(-1)

    def detach(self) -> Self:
        return type(self)(self.output.detach().clone())

    def take(self, index: Tensor) -> Self:
        return type(self)(self.output[index])


class DiagGaussian(OutputDistribution):
    """Continuous actions with a diagonal covariance; `output` is the mean ``[N, d]``.

    The score is taken with respect to the mean only. A state-independent log-std is not an output: give it to
    the optimizer as ``free={"log_std": 2.0}``, which is its exact Fisher information (in `kl` it counts).

    Args:
        output: mean ``[N, d]``.
        log_std: ``[d]``, ``[N, d]`` or anything that broadcasts to the mean.
    """

    def __init__(self, output: Tensor, log_std: Tensor) -> None:
        super().__init__(output)
        self.log_std = log_std

    def _inverse_std(self) -> Tensor:
        return (-self.log_std.detach()).exp().expand_as(self.output)

    def score_sample(self, generator: torch.Generator | None = None) -> Tensor:
        mean = self.output.detach()
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return noise * self._inverse_std()

    def score_columns(self) -> Tensor:
        return _diagonal_columns(self._inverse_std())

    def quadratic(self, tangent: Tensor) -> Tensor:
        return (tangent * self._inverse_std()).square().flatten(1).sum(-1)

    def kl(self, other: Self) -> Tensor:
        gap = (self.output - other.output) * (-other.log_std).exp()
        log_ratio = self.log_std - other.log_std
        terms = 0.5 * ((2 * log_ratio).exp() + gap.square() - 1) - log_ratio
        return terms.flatten(1).sum(-1)

    def detach(self) -> Self:
        return type(self)(self.output.detach().clone(), self.log_std.detach().clone())

    def take(self, index: Tensor) -> Self:
        return type(self)(self.output[index], self.log_std.expand_as(self.output)[index])


class Gaussian(OutputDistribution):
    """The critic's observation model ``N(value, sigma^2)`` (section 3.1), sigma = 1 in the paper.

    The released code's critic Fisher corresponds to ``sigma=0.5``.

    Args:
        output: value, ``[N]`` or ``[N, 1]``; further columns count as independent values.
        sigma: standard deviation, positive; a number, or a 0-d tensor such as `RunningSigma` gives, which is
            taken as it is so that nothing is read back from the device.

    Raises:
        ValueError: if `sigma` is a number that is not positive.
    """

    def __init__(self, output: Tensor, sigma: float | Tensor = 1.0) -> None:
        super().__init__(output)
        if not isinstance(sigma, Tensor):
            if not sigma > 0 or not math.isfinite(sigma):
                raise ValueError(f"sigma must be positive and finite, got {sigma}")
            sigma = torch.full((), sigma, dtype=output.dtype, device=output.device)
        self.sigma = sigma

    def score_sample(self, generator: torch.Generator | None = None) -> Tensor:
        value = self.output.detach()
        noise = torch.randn(value.shape, generator=generator, dtype=value.dtype, device=value.device)
        return noise / self.sigma

    def score_columns(self) -> Tensor:
        return _diagonal_columns((1 / self.sigma).expand_as(self.output.detach()))

    def quadratic(self, tangent: Tensor) -> Tensor:
        return (tangent / self.sigma).square().reshape(tangent.shape[0], -1).sum(-1)

    def kl(self, other: Self) -> Tensor:
        ratio = self.sigma / other.sigma
        gap = ((self.output - other.output) / other.sigma).square()
        terms = 0.5 * (gap + ratio.square() - 1) - ratio.log()
        return terms.reshape(gap.shape[0], -1).sum(-1)

    def detach(self) -> Self:
        return type(self)(self.output.detach().clone(), self.sigma.detach().clone())

    def take(self, index: Tensor) -> Self:
        return type(self)(self.output[index], self.sigma)


def _diagonal_columns(roots: Tensor) -> Tensor:
    """Columns ``[K, N, ...]`` of a diagonal Fisher from its square roots ``[N, ...]``, K per example."""
    flat = roots.reshape(roots.shape[0], -1)
    return torch.diag_embed(flat).transpose(0, 1).reshape(flat.shape[1], *roots.shape)


def realised_kl(before: Sequence[OutputDistribution], after: Sequence[OutputDistribution]) -> Tensor:
    """Mean over the batch of ``KL(before || after)``, summed over independent heads; 0-d, in nats."""
    return torch.stack([b.kl(a).mean() for b, a in zip(before, after, strict=True)]).sum()
