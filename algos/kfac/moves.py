"""One block's move: its direction, how the metrics measure it, and how it is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from algos.kfac.inverse import precondition
from algos.kfac.layers import Block, FreeBlock

State = MutableMapping[Any, Any]
Measure = Callable[[], Tensor]  # 0-d; computed when a metric asks for it


@dataclass
class Move:
    """Direction of one block; the step is ``-lr * scale * direction``. Measures are for lr = scale = 1."""

    block: Block
    group: dict[str, Any]
    gradient: Tensor  # as the block's matrix
    direction: Tensor  # likewise
    slope: Tensor  # gradient' direction
    fresh_slope: Tensor  # gradient' F_damped^-1 gradient: finite only if the gradient is
    quadratic: Measure  # direction' F direction, F Kronecker-factored and undamped
    damped: Measure  # the same with the damped F

    @property
    def lr(self) -> float | Tensor:
        lr: float | Tensor = self.group["lr"]
        return lr

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
        matrix = mean[0] if isinstance(self.block, FreeBlock) else self.block.to_matrix(mean)
        slope = (self.gradient * matrix).sum()
        measures = _measures(self.block, state, matrix, self.group["damping"], mode)
        return Move(self.block, self.group, self.gradient, matrix, slope, self.fresh_slope, *measures)

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
    """The move along ``D = F_damped^-1 g``; its damped measure is the slope ``g'D``."""
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in block.parameters]
    if isinstance(block, FreeBlock):
        gradient = grads[0]
        direction = gradient / (block.fisher + group["damping"])
        quadratic = _measures(block, state, direction, group["damping"], mode)[0]
    else:
        gradient = block.to_matrix(grads)
        result = precondition(mode, state[block.key]["inverse"], gradient, group["damping"])
        direction, quadratic = result.direction, result.quadratic
    slope = (gradient * direction).sum()
    return Move(block, group, gradient, direction, slope, slope, quadratic, lambda: slope)


def _measures(
    block: Block, state: State, V: Tensor, damping: float | Tensor, mode: str
) -> tuple[Measure, Measure]:
    """``V' F V`` with the current factors, undamped and damped."""
    if isinstance(block, FreeBlock):
        fisher = block.fisher
        return lambda: fisher * V.square().sum(), lambda: (fisher + damping) * V.square().sum()
    own = state[block.key]
    A, S, inverse = own["A"], own["S"], own["inverse"]

    def quadratic() -> Tensor:
        return torch.sum((S @ V) * (V @ A))

    def damped() -> Tensor:
        if mode == "eigen":
            return quadratic() + damping * V.square().sum()
        return torch.sum((S @ V + inverse["S_shift"] * V) * (V @ A + inverse["A_shift"] * V))

    return quadratic, damped
