"""One block's move: its direction, how the metrics measure it, and how it is applied."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from algos.kfac.inverse import precondition
from algos.kfac.layers import Block, FreeBlock

State = MutableMapping[Any, Any]


@dataclass
class Move:
    """Direction of one block; the step is ``-lr * scale * direction``. Measures are 0-d, for lr = 1."""

    block: Block
    group: dict[str, Any]
    gradient: Tensor  # as the block's matrix
    direction: Tensor  # likewise
    slope: Tensor  # gradient' direction
    quadratic: Tensor  # direction' F direction, F Kronecker-factored and undamped
    damped: Tensor  # the same with the damped F
    fresh_slope: Tensor  # gradient' F_damped^-1 gradient: finite if and only if the gradient is

    @property
    def lr(self) -> float | Tensor:
        lr: float | Tensor = self.group["lr"]
        return lr

    @property
    def free_quadratic(self) -> Tensor:
        """Share of the exact metric that does not pass through the model's outputs."""
        return self.quadratic if isinstance(self.block, FreeBlock) else torch.zeros_like(self.quadratic)

    def tensors(self, matrix: Tensor) -> list[Tensor]:
        """A matrix of this block as tensors shaped like its parameters."""
        return [matrix] if isinstance(self.block, FreeBlock) else self.block.from_matrix(matrix)

    def scaled(self) -> Iterator[tuple[nn.Parameter, Tensor]]:
        """Each parameter with ``u = lr * direction``."""
        for parameter, direction in zip(self.block.parameters, self.tensors(self.direction), strict=True):
            yield parameter, self.lr * direction

    def averaged(self, state: State, mode: str) -> Move:
        """The move along the running average of directions ``m = mu m + (1 - mu) D``."""
        mu = self.group["momentum"]
        if mu == 0:
            return self
        past = [state[parameter].get("momentum_buffer") for parameter in self.block.parameters]
        new = self.tensors(self.direction)
        mean = [(1 - mu) * d if m is None else m.lerp(d, 1 - mu) for m, d in zip(past, new, strict=True)]
        if isinstance(self.block, FreeBlock):
            matrix = mean[0]
            quadratic = self.block.fisher * matrix.square().sum()
            damped = quadratic + self.group["damping"] * matrix.square().sum()
        else:
            matrix = self.block.to_matrix(mean)
            own = state[self.block.key]
            quadratic, damped = _measure(own, matrix, self.group["damping"], mode)
        slope = (self.gradient * matrix).sum()
        return Move(self.block, self.group, self.gradient, matrix, slope, quadratic, damped, self.fresh_slope)

    def apply(self, state: State, scale: Tensor, ok: Tensor, order: str) -> None:
        """Move the parameters, and their momentum buffers, where `ok`."""
        mu = self.group["momentum"]
        eta = self.lr * scale  # 0 unless ok, but 0 times NaN is NaN: hence torch.where
        for parameter, direction in zip(self.block.parameters, self.tensors(self.direction), strict=True):
            if mu == 0:
                parameter.sub_(torch.where(ok, eta * direction, 0))
                continue
            buffer = state[parameter].get("momentum_buffer")
            if buffer is None:
                buffer = torch.zeros_like(parameter)
            clipped_first = order == "clip_then_average"
            new = torch.where(
                ok, buffer.lerp(eta * direction, 1 - mu) if clipped_first else direction, buffer
            )
            state[parameter]["momentum_buffer"] = new
            parameter.addcmul_(new, ok.to(new.dtype) if clipped_first else eta, value=-1)


def fresh_move(block: Block, group: dict[str, Any], state: State, mode: str) -> Move:
    """The move along ``D = F_damped^-1 g``."""
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in block.parameters]
    damping = group["damping"]
    if isinstance(block, FreeBlock):
        gradient = grads[0]
        direction = gradient / (block.fisher + damping)
        quadratic = block.fisher * direction.square().sum()
    else:
        gradient = block.to_matrix(grads)
        result = precondition(mode, state[block.key]["inverse"], gradient, damping)
        direction, quadratic = result.direction, result.quadratic
    slope = (gradient * direction).sum()
    return Move(block, group, gradient, direction, slope, quadratic, slope, slope)


def _measure(own: dict[str, Any], V: Tensor, damping: float | Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """``V' F V`` with the current factors, undamped and damped."""
    A, S, inverse = own["A"], own["S"], own["inverse"]
    VA, SV = V @ A, S @ V
    quadratic = (SV * VA).sum()
    if mode == "eigen":
        return quadratic, quadratic + damping * V.square().sum()
    shift_A, shift_S = inverse["A_shift"], inverse["S_shift"]
    damped = ((SV + shift_S * V) * (VA + shift_A * V)).sum()
    return quadratic, damped
