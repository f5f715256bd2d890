"""A step of a first-order optimizer that is taken only where its gradients are sound."""

from __future__ import annotations

import torch
from torch import Tensor

from algos.kfac.host import reads_are_free


def step_if(sound: Tensor, optimizer: torch.optim.Optimizer) -> int | Tensor:
    """Step unless not `sound`; parameters and the optimizer's state then stay as they are.

    Where reading `sound` would wait for the device, the step is taken, and taken back by `torch.where`.
    Counters that an optimizer keeps on the host (Adam's ``step``) count such a step too.

    Args:
        sound: 0-d bool.
        optimizer: what its state holds on the device begins as zeros, as with torch's RMSprop, Adam and SGD.

    Returns:
        How many steps were left out, 0 or 1; a 0-d tensor where only the device knows.
    """
    if reads_are_free(sound.device):
        if not sound:
            return 1
        optimizer.step()
        return 0
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    before = {parameter: _on_device(optimizer, parameter) for parameter in parameters}
    before = {p: {name: tensor.clone() for name, tensor in held.items()} for p, held in before.items()}
    optimizer.step()
    for parameter in parameters:
        for name, tensor in _on_device(optimizer, parameter).items():
            old = before[parameter].get(name, torch.zeros_like(tensor))
            tensor.copy_(torch.where(sound, tensor, old))
    return (~sound).long()


def _on_device(optimizer: torch.optim.Optimizer, parameter: Tensor) -> dict[str, Tensor]:
    tensors = {"": parameter.detach()}
    for name, value in optimizer.state.get(parameter, {}).items():
        if isinstance(value, Tensor) and value.device == parameter.device:
            tensors[name] = value
    return tensors
