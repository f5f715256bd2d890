"""The tape: what one forward pass leaves behind for the curvature statistics.

Hooks exist only inside `Tape.recording`. A layer's output is kept as a gradient edge, not as a tensor: the
edge still points at the pre-activation after an in-place ReLU has overwritten it, and does not keep it alive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.utils.hooks import RemovableHandle

from algos.kfac.errors import LayerFiredTwiceError, LayerNotRecordedError, ModifiedInputError, RecordError
from algos.kfac.layers import LayerBlock


@dataclass
class LayerRecord:
    """What one layer read, and where its output sits in the autograd graph."""

    input: Tensor
    version: int
    edge: GradientEdge


class Tape:
    """Records one forward pass of `model`; forwards under `torch.no_grad` are ignored."""

    def __init__(self, model: nn.Module, blocks: Sequence[LayerBlock]) -> None:
        self.model = model
        self.blocks = blocks
        self.call: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self.layers: dict[str, LayerRecord] = {}
        self.closed = False
        self.hooked = False

    @contextmanager
    def recording(self, layers: bool = True) -> Iterator[None]:
        """Record the arguments of the model's forward and, where `layers`, every block's input and output.

        Raises:
            LayerFiredTwiceError: if the model or a layer runs twice.
        """
        handles: list[RemovableHandle] = []
        try:
            handles.append(self.model.register_forward_pre_hook(self._keep_call, with_kwargs=True))
            self.hooked = layers
            if layers:
                handles += [
                    block.module.register_forward_hook(self._keeper(block), with_kwargs=True)
                    for block in self.blocks
                ]
            yield
        finally:
            for handle in handles:
                handle.remove()
            self.closed = True

    def _keep_call(self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not torch.is_grad_enabled():
            return
        if self.call is not None:
            raise LayerFiredTwiceError(
                "the model ran twice inside one record(); record one forward pass per update"
            )
        self.call = (args, kwargs)

    def _keeper(self, block: LayerBlock) -> Any:
        def keep(
            _module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], output: Tensor
        ) -> None:
            if not torch.is_grad_enabled():
                return
            if block.name in self.layers:
                raise LayerFiredTwiceError(
                    f"layer {block.name!r} ran twice inside one record(); it must run once per forward pass"
                )
            x = (args[0] if args else kwargs["input"]).detach()
            self.layers[block.name] = LayerRecord(x, x._version, get_gradient_edge(output))

        return keep

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The recorded arguments of the model's forward.

        Raises:
            RecordError: if the model itself did not run inside `record()`.
        """
        if self.call is None:
            raise RecordError(
                "the model itself did not run inside record(); call model(...), not parts of it"
            )
        return self.call

    def backward(self, outputs: Sequence[Tensor], scores: Sequence[Tensor]) -> list[Tensor]:
        """Scores back-propagated to every block's pre-activation; parameters' `.grad` is not touched.

        Raises:
            LayerNotRecordedError: a layer did not run, or the outputs do not depend on it.
            ModifiedInputError: a layer's input was changed in place since.
        """
        for block in self.blocks:
            if block.name not in self.layers:
                raise LayerNotRecordedError(
                    f"layer {block.name!r} did not run (with gradients enabled) inside record()"
                )
            record = self.layers[block.name]
            if record.input._version != record.version:
                raise ModifiedInputError(
                    f"the input of layer {block.name!r} was changed in place after the layer read it"
                )
        edges = [self.layers[block.name].edge for block in self.blocks]
        grads = torch.autograd.grad(
            list(outputs), edges, grad_outputs=list(scores), retain_graph=True, allow_unused=True
        )
        for block, grad in zip(self.blocks, grads, strict=True):
            if grad is None:
                raise LayerNotRecordedError(f"the observed outputs do not depend on layer {block.name!r}")
        return list(grads)

    def release(self) -> None:
        """Forget the layers; the model's arguments stay, for the exact metric."""
        self.layers = {}
