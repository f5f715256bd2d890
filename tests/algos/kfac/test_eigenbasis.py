"""The solve in the eigenbases with and without the directions that the damping hides."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from algos.kfac import eigenbasis
from algos.kfac.inverse import invert, precondition

D_S, D_A = 24, 40


def factor(n: int, rank: int, largest: float, smallest: float, dtype: torch.dtype) -> Tensor:
    """Eigenvalues from `largest` to `smallest` in `rank` directions, 0 in the others."""
    basis, _ = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))
    values = torch.zeros(n, dtype=torch.float64)
    values[:rank] = largest * (smallest / largest) ** torch.linspace(0, 1, rank, dtype=torch.float64)
    return ((basis * values) @ basis.T).to(dtype)


def problem(dtype: torch.dtype, rank_S: int = 4, rank_A: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    A = factor(D_A, rank_A, 1e2, 1e-2, dtype)
    S = factor(D_S, rank_S, 1e0, 1e-4, dtype)
    return A, S, torch.randn(D_S, D_A, dtype=torch.float64).to(dtype)


def exact(A: Tensor, S: Tensor, V: Tensor, damping: float) -> Tensor:
    fisher = torch.kron(S.double(), A.double()) + damping * torch.eye(D_S * D_A, dtype=torch.float64)
    return torch.linalg.solve(fisher, V.double().flatten()).view(D_S, D_A)


def directions(
    monkeypatch: pytest.MonkeyPatch, A: Tensor, S: Tensor, V: Tensor, damping: float
) -> tuple[Any, Any]:
    """What the short and the full way give."""
    inverse = invert("eigen", A, S, damping, None).inverse
    assert inverse is not None
    found = []
    for worth in (1e9, 0.0):
        monkeypatch.setattr(eigenbasis, "WORTH", worth)
        found.append(precondition("eigen", inverse, V, damping))
    return found[0], found[1]


@pytest.mark.parametrize("damping", [1e-4, 1e-2, 1.0, 1e3])
@pytest.mark.parametrize(("dtype", "bar"), [(torch.float64, 1e-9), (torch.float32, 2e-4)])
def test_the_short_way_is_as_exact_as_the_full_one(
    monkeypatch: pytest.MonkeyPatch, damping: float, dtype: torch.dtype, bar: float
) -> None:
    A, S, V = problem(dtype)
    V = V + 1e3 * (S @ V @ A)  # gradients lie where F is large
    expected = exact(A, S, V, damping)
    short, full = directions(monkeypatch, A, S, V, damping)
    errors = [
        float((result.direction.double() - expected).norm() / expected.norm()) for result in (short, full)
    ]
    assert errors[0] <= max(2 * errors[1], bar)
    torch.testing.assert_close(short.quadratic(), full.quadratic(), rtol=5 * bar, atol=0)


def test_a_stiff_direction_keeps_its_relative_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    """F is 1e6 times the damping there: ``V / lam`` alone is a million times the result."""
    A, S, _ = problem(torch.float32)
    V = torch.outer(torch.linalg.eigh(S)[1][:, -1], torch.linalg.eigh(A)[1][:, -1])
    short, full = directions(monkeypatch, A, S, V, 1e-4)
    for result in (short, full):
        along = (V * result.direction).sum().double()
        assert float(along * (1e2 + 1e-4)) == pytest.approx(1.0, rel=1e-4)


def test_only_what_the_damping_leaves_is_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    A, S, V = problem(torch.float64)
    calls: list[tuple[int, int]] = []
    seen = eigenbasis._solve_seen

    def spy(inverse: Any, V: Tensor, damping: float, s: int, a: int) -> Any:
        calls.append((s, a))
        return seen(inverse, V, damping, s, a)

    monkeypatch.setattr(eigenbasis, "_solve_seen", spy)
    inverse = invert("eigen", A, S, 1e-2, None).inverse
    assert inverse is not None
    precondition("eigen", inverse, V, 1e-2)
    assert calls == [(4, 6)]
    precondition("eigen", inverse, V, 0.0)  # no damping hides nothing
    assert len(calls) == 1


def test_a_dead_layer_is_plain_damping() -> None:
    A, S, V = problem(torch.float32)
    inverse = invert("eigen", A, torch.zeros_like(S), 1e-2, None).inverse
    assert inverse is not None
    result = precondition("eigen", inverse, V, 1e-2)
    torch.testing.assert_close(result.direction, V / 1e-2)
    assert float(result.quadratic()) == 0.0
