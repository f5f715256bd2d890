"""Counting what would make the host wait, had the tensors been on an accelerator.

On one device nothing is copied between devices, and an array of a tensor is a view that no operator
announces: so the methods that hand values to the host are counted beside the operators that need them. A
``to("cpu")`` of a CPU tensor leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from algos.kfac import host

METHODS = ("item", "tolist", "numpy", "cpu", "__array__", "__bool__", "__float__", "__int__", "__index__")
OPERATORS = {
    "_local_scalar_dense",
    "_linalg_eigh",
    "bincount",
    "cholesky_inverse",
    "equal",
    "is_nonzero",
    "linalg_cholesky",
    "masked_select",
    "multinomial",
    "nonzero",
    "_unique2",
}
"""Those whose result, or its shape, or an error of theirs, the host has to wait for."""


class HostReads(TorchDispatchMode):
    """Inside, `seen` grows by the name of each read."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._inside = False
        self._patches = pytest.MonkeyPatch()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        by_mask = name in ("index", "index_put", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if (name in OPERATORS or by_mask) and not self._inside:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))

    def __enter__(self) -> HostReads:
        for name in METHODS:
            self._patches.setattr(torch.Tensor, name, self._counting(name, getattr(torch.Tensor, name)))
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._patches.undo()

    def _counting(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            outer, self._inside = self._inside, True
            if not outer:
                self.seen.append(name)
            try:
                return method(*args, **kwargs)
            finally:
                self._inside = outer

        return counted


@contextmanager
def reads_that_wait() -> Iterator[None]:
    """Inside, the CPU is treated as a device whose values are far."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "FREE", ())
        yield
