"""Curvature blocks: one normal form, ``[batch, shared, features]``, for every supported layer.

A layer's weight and bias are one matrix ``[W | b]`` of shape ``[d_out, d_in + 1]``; the input gets a
trailing 1 (homogeneous coordinate). A convolution is a linear layer that is shared over its output
locations (Grosse & Martens 2016, KFC): its input rows are the image patches that it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from algos.kfac.errors import BatchShapeError, GroupedConvolutionError


class LayerBlock:
    """The Kronecker block ``A kron S`` of one Linear or Conv2d layer.

    Args:
        name: the layer's name in the model, for errors and checkpoints.
        module: `nn.Linear` or `nn.Conv2d` with ``groups == 1``.

    Raises:
        GroupedConvolutionError: if the convolution is grouped.
    """

    def __init__(self, name: str, module: nn.Linear | nn.Conv2d) -> None:
        if isinstance(module, nn.Conv2d) and module.groups != 1:
            raise GroupedConvolutionError(
                f"layer {name!r} is a convolution with groups={module.groups}; only groups=1 is supported"
            )
        self.name = name
        self.module = module
        trainable = module.bias is not None and module.bias.requires_grad
        self.bias = cast(nn.Parameter, module.bias) if trainable else None

    @property
    def key(self) -> nn.Parameter:
        """The parameter under which the optimizer keeps this block's state."""
        return cast(nn.Parameter, self.module.weight)

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [self.key] if self.bias is None else [self.key, self.bias]

    def shared_positions(self, x: Tensor) -> int:
        """How many rows one example of input `x` contributes (1, sequence length or output locations)."""
        if isinstance(self.module, nn.Conv2d):
            view = _patch_view(self.module, x[:1])
            return view.shape[1] * view.shape[2]
        return x[0].numel() // x.shape[-1]

    def input_rows(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """Input of the layer in the normal form, without the homogeneous coordinate.

        Args:
            x: what the layer read, ``[N, ..., d]`` (Linear) or ``[N, C, H, W]`` (Conv2d).
            rows: flat indices into the ``N * T`` rows; only those are built.

        Returns:
            ``[N * T, d]``, or ``[len(rows), d]``; row ``n * T + t`` is location ``t`` of example ``n``.
        """
        if isinstance(self.module, nn.Conv2d):
            patches = _patch_view(self.module, x)
            if rows is None:
                return patches.reshape(-1, self.key[0].numel())
            height, width = patches.shape[1:3]
            n, location = rows // (height * width), rows % (height * width)
            return patches[n, location // width, location % width].flatten(1)
        flat = x.reshape(-1, x.shape[-1])
        return flat if rows is None else flat[rows]

    def grad_rows(self, g: Tensor) -> Tensor:
        """Score at the layer's output, ``[N, ..., d_out]`` or ``[N, C, H, W]``, as ``[N * T, d_out]``."""
        if isinstance(self.module, nn.Conv2d):
            return g.flatten(2).transpose(1, 2).reshape(-1, g.shape[1])
        return g.reshape(-1, g.shape[-1])

    def to_matrix(self, tensors: Sequence[Tensor]) -> Tensor:
        """``[weight, bias]``-shaped tensors as the matrix ``[W | b]``, ``[d_out, d_in]``."""
        weight = tensors[0].flatten(1)
        return weight if self.bias is None else torch.cat([weight, tensors[1].unsqueeze(1)], dim=1)

    def from_matrix(self, matrix: Tensor) -> list[Tensor]:
        """Inverse of `to_matrix`."""
        weight = self.module.weight
        if self.bias is None:
            return [matrix.view_as(weight)]
        return [matrix[:, :-1].reshape(weight.shape), matrix[:, -1]]

    def check_batch(self, x: Tensor, batch: int) -> None:
        """Raise `BatchShapeError` unless `x` has a batch dimension of `batch` examples."""
        least = 4 if isinstance(self.module, nn.Conv2d) else 2
        if x.dim() < least or x.shape[0] != batch:
            raise BatchShapeError(
                f"layer {self.name!r} read an input of shape {tuple(x.shape)}; expected at least {least} "
                f"dimensions, the first being the {batch} examples of the outputs"
            )


class FreeBlock:
    """A parameter outside any layer with a known constant diagonal Fisher.

    Args:
        name: the parameter's name in the model.
        parameter: any shape.
        fisher: Fisher information per element and example, e.g. 2 for a state-independent Gaussian log-std.
    """

    def __init__(self, name: str, parameter: nn.Parameter, fisher: float) -> None:
        self.name = name
        self.key = parameter
        self.fisher = fisher

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [self.key]


Block = LayerBlock | FreeBlock


def _patch_view(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The patches that `conv` reads, ``[N, H_out, W_out, C, k_h, k_w]``, as a view of the padded input."""
    padding = _conv_padding(conv)
    if any(padding):
        mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
        x = functional.pad(x, padding, mode=mode)
    for dim in (0, 1):
        size, stride, dilation = conv.kernel_size[dim], conv.stride[dim], conv.dilation[dim]
        x = x.unfold(2 + dim, dilation * (size - 1) + 1, stride)[..., ::dilation]
    return x.permute(0, 2, 3, 1, 4, 5)


def _conv_padding(conv: nn.Conv2d) -> tuple[int, int, int, int]:
    """Padding in `functional.pad` order: left, right, top, bottom."""
    if conv.padding == "valid":
        return 0, 0, 0, 0
    if conv.padding == "same":
        total_h, total_w = (d * (k - 1) for d, k in zip(conv.dilation, conv.kernel_size, strict=True))
        return total_w // 2, total_w - total_w // 2, total_h // 2, total_h - total_h // 2
    height, width = int(conv.padding[0]), int(conv.padding[1])
    return width, width, height, height
