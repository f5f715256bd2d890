"""Whether the host may look at a tensor for nothing, asked in one place.

Work is queued on an accelerator, and a number read from there is a wait for all of it. Where that costs
nothing, on the CPU, code may branch on values (a retry in double precision, a shorter product); elsewhere it
decides on the device, by `torch.where`, and leaves flags to be read with the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

Key = TypeVar("Key")

FREE = ("cpu",)
"""Kinds of devices that share the host's memory and queue."""


def reads_are_free(device: torch.device) -> bool:
    """Whether reading a value on `device` waits for nothing."""
    return device.type in FREE


def read(values: Mapping[Key, float | Tensor]) -> dict[Key, float]:
    """The values as numbers, in their order, by one transfer for all tensors.

    Args:
        values: numbers, which stay as they are, and 0-d tensors of one device. Those of whole numbers become
            int, the others, bool among them, float. None loses a digit: a double holds every number of single
            precision, and whole ones up to 2^53.
    """
    tensors = {key: value.detach() for key, value in values.items() if isinstance(value, Tensor)}
    if not tensors:
        return {key: value for key, value in values.items() if not isinstance(value, Tensor)}
    numbers = torch.stack([tensor.double() for tensor in tensors.values()]).tolist()
    whole = (torch.int64, torch.int32)
    known = {
        key: int(number) if tensor.dtype in whole else number
        for (key, tensor), number in zip(tensors.items(), numbers, strict=True)
    }
    return {key: known[key] if isinstance(value, Tensor) else value for key, value in values.items()}
