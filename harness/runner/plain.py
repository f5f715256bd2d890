"""Python values as trees that ``torch.load(weights_only=True)`` reads back: nothing is unpickled as code.

Numbers, strings, ``None`` and tensors stand for themselves. Everything else is a mapping with one key that
names its kind: ``list``, ``tuple``, ``dict``, ``deque``, ``array`` and ``scalar`` (numpy's).
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch


class NotPlain(TypeError):
    """The value holds something else than plain data."""


def encode(value: Any) -> Any:
    """``value`` as a plain tree. Tensors are detached, not copied.

    Raises:
        NotPlain: there is something in it that is no plain data.
    """
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, np.generic):
        return {"scalar": _tensor(np.asarray(value))}
    if isinstance(value, np.ndarray):
        return {"array": _tensor(value)}
    if type(value) is deque:
        return {"deque": [value.maxlen, [encode(item) for item in value]]}
    if type(value) is dict:
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if type(value) is list:
        return {"list": [encode(item) for item in value]}
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    raise NotPlain(f"a {type(value).__name__} is no plain data")


def decode(tree: Any, device: torch.device | str = "cpu") -> Any:
    """The value that :func:`encode` was given, tensors on ``device``; named tuples come back as tuples."""
    if isinstance(tree, torch.Tensor):
        return tree.to(device)
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "scalar":
        return content.numpy()[()]
    if kind == "array":
        return content.numpy()
    if kind == "deque":
        return deque((decode(item, device) for item in content[1]), maxlen=content[0])
    if kind == "dict":
        return {decode(key, device): decode(item, device) for key, item in content}
    items = [decode(item, device) for item in content]
    return items if kind == "list" else tuple(items)


def _tensor(array: np.ndarray) -> torch.Tensor:
    try:
        return torch.from_numpy(np.array(array, order="C"))
    except TypeError:
        raise NotPlain(f"an array of {array.dtype} is no plain data") from None
