"""Damped inverses and quadratic forms against dense linear algebra."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from algos.kfac.inverse import inverse_by_triangles, invert, precondition, quadratic_form, shifts
from tests.algos.kfac.conftest import relative

MODES = ("factored", "eigen")


def problem(dtype: torch.dtype, decades: float = 2.0) -> tuple[Tensor, Tensor, Tensor]:
    """Factors with eigenvalues over `decades` decades, and a gradient matrix."""

    def spd(n: int) -> Tensor:
        q, _ = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))
        return (q * torch.logspace(0, -decades, n, dtype=torch.float64)) @ q.T

    A, S = spd(7), spd(4)
    return A.to(dtype), S.to(dtype), torch.randn(4, 7, dtype=torch.float64).to(dtype)


def dense(mode: str, A: Tensor, S: Tensor, damping: float) -> Tensor:
    """The damped Fisher on row-major ``vec([W | b])``."""
    A, S = A.double(), S.double()
    if mode == "eigen":
        return torch.kron(S, A) + damping * torch.eye(28, dtype=torch.float64)
    pi = ((A.trace() / 7) / (S.trace() / 4)).sqrt()
    a = A + pi * damping**0.5 * torch.eye(7, dtype=torch.float64)
    s = S + damping**0.5 / pi * torch.eye(4, dtype=torch.float64)
    return torch.kron(s, a)


def solve(mode: str, A: Tensor, S: Tensor, V: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    inverted = invert(mode, A, S, damping, None)
    assert inverted.inverse is not None
    result = precondition(mode, inverted.inverse, V, damping)
    return result.direction, result.quadratic()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("damping", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize(("dtype", "bar"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_direction_equals_a_dense_solve(mode: str, damping: float, dtype: torch.dtype, bar: float) -> None:
    A, S, V = problem(dtype)
    D, _ = solve(mode, A, S, V, damping)
    expected = torch.linalg.solve(dense(mode, A, S, damping), V.double().flatten()).view(4, 7)
    assert relative(D.double(), expected) <= bar


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("dtype", "bar"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_undamped_quadratic_form_needs_no_dense_fisher(mode: str, dtype: torch.dtype, bar: float) -> None:
    A, S, V = problem(dtype)
    D, q = solve(mode, A, S, V, 1e-2)
    d = D.double().flatten()
    expected = d @ torch.kron(S.double(), A.double()) @ d
    assert abs(q.double() / expected - 1) <= bar
    assert abs(quadratic_form(A, S, D).double() / expected - 1) <= bar


@pytest.mark.parametrize("mode", MODES)
def test_the_slope_is_the_damped_quadratic_form(mode: str) -> None:
    A, S, V = problem(torch.float64)
    D, _ = solve(mode, A, S, V, 1e-2)
    d = D.flatten()
    torch.testing.assert_close((V * D).sum(), d @ dense(mode, A, S, 1e-2) @ d, rtol=1e-12, atol=0)


def test_the_two_dampings_are_different() -> None:
    A, S, V = problem(torch.float64)
    factored, eigen = (solve(mode, A, S, V, 1e-2)[0] for mode in MODES)
    assert relative(factored, eigen) > 0.1


@pytest.mark.parametrize("scale", [1e-6, 1e3])
def test_factored_damping_does_not_depend_on_how_the_scale_is_split(scale: float) -> None:
    A, S, V = problem(torch.float64)
    ours, theirs = solve("factored", A, S, V, 1e-2)[0], solve("factored", scale * A, S / scale, V, 1e-2)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=0)


@pytest.mark.parametrize("dead", ["A", "S"])
def test_a_dead_layer_is_inverted_as_plain_damping(dead: str) -> None:
    """All-zero inputs or scores (every unit off): F = 0, and the damped inverse is about 1 / damping."""
    A, S, V = problem(torch.float32)
    A, S = (torch.zeros_like(A), S) if dead == "A" else (A, torch.zeros_like(S))
    D, q = solve("factored", A, S, V, 1e-2)
    assert D.isfinite().all()
    assert 0 <= q <= 1e-3 * (V * D).sum()
    assert D.abs().max() <= 1.01 * V.abs().max() / 1e-2 * 3
    shift_A, shift_S = shifts(A, S, 1e-2)
    torch.testing.assert_close(shift_A * shift_S, torch.tensor(1e-2), rtol=1e-5, atol=0)


def test_eigen_mode_in_single_precision_is_as_accurate_as_the_theory_allows() -> None:
    A, S, V = problem(torch.float32, decades=5.0)
    for damping in (1e-2, 1e-4):
        D, _ = solve("eigen", A, S, V, damping)
        expected = torch.linalg.solve(dense("eigen", A, S, damping), V.double().flatten()).view(4, 7)
        bar = (
            50
            * torch.finfo(torch.float32).eps
            * float(torch.linalg.norm(A, 2) * torch.linalg.norm(S, 2))
            / damping
        )
        assert relative(D.double(), expected) <= bar


def test_the_inverse_used_on_accelerators_is_the_same() -> None:
    A, _, _ = problem(torch.float64)
    torch.testing.assert_close(
        inverse_by_triangles(torch.linalg.cholesky(A)), torch.linalg.inv(A), rtol=1e-10, atol=0
    )


def test_an_indefinite_factor_is_retried_in_double_precision() -> None:
    """Rounding can push the smallest eigenvalue of a float32 factor below minus the damping."""
    A, S, V = problem(torch.float32)
    shifted = A - torch.linalg.eigvalsh(A.double()).min().float() * torch.eye(7) * (1 + 1e-6)
    inverted = invert("factored", shifted, S, 0.0, None)
    assert inverted.inverse is not None
    assert bool(inverted.retried)
    assert not bool(inverted.kept)
    assert precondition("factored", inverted.inverse, V, 0.0).direction.isfinite().all()


@pytest.mark.parametrize("mode", MODES)
def test_a_hopeless_factor_keeps_the_last_inverse(mode: str) -> None:
    A, S, _ = problem(torch.float32)
    good = invert(mode, A, S, 1e-2, None)
    assert not bool(good.kept)
    bad = A * float("nan")
    again = invert(mode, bad, S, 1e-2, good.inverse)
    assert bool(again.kept)
    assert again.inverse is not None
    assert good.inverse is not None
    assert all(torch.equal(again.inverse[key], value) for key, value in good.inverse.items())
    assert invert(mode, bad, S, 1e-2, None).inverse is None
