"""LAPACK's float32 eigenvectors may come back NaN without an error: float64 is tried then."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from algos.kfac.inverse import invert


def tensors(inverse: Any) -> list[torch.Tensor]:
    return [part for part in inverse.values() if isinstance(part, torch.Tensor)]


def test_nan_from_the_first_try_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    eigh = torch.linalg.eigh

    def unsound(matrix: torch.Tensor) -> Any:
        values, basis = eigh(matrix)
        return (values, basis * float("nan")) if matrix.dtype == torch.float32 else (values, basis)

    A, S = torch.diag(torch.tensor([1.0, 2.0])), torch.eye(3)
    expected = invert("eigen", A, S, 0.01, None)
    monkeypatch.setattr(torch.linalg, "eigh", unsound)
    found = invert("eigen", A, S, 0.01, None)
    assert (bool(expected.retried), bool(found.retried)) == (False, True)
    assert len(tensors(found.inverse)) >= 4
    for here, there in zip(tensors(found.inverse), tensors(expected.inverse), strict=True):
        torch.testing.assert_close(here, there)
