"""Damped inverses of ``F = A kron S`` and how they act on a gradient.

Two dampings (lam is the damping):

- ``"factored"``: ``(A + pi sqrt(lam) I) kron (S + sqrt(lam)/pi I)``, ``pi^2 = (tr A / d_A) / (tr S / d_S)``
  (Martens & Grosse 2015, section 6.3; the paper, section 3.1), by Cholesky factors.
- ``"eigen"``: ``A kron S + lam I`` in the factors' eigenbases (the released code).

An inverse is a plain dictionary of tensors, so that it is a part of the optimizer's state as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from algos.kfac import eigenbasis
from algos.kfac.host import reads_are_free

Inverse = dict[str, Tensor]


@dataclass
class Inverted:
    """A damped inverse and how it came about; flags are 0-d bool tensors."""

    inverse: Inverse | None  # None: failed, and there was no earlier inverse
    retried: Tensor
    kept: Tensor


@dataclass
class Preconditioned:
    """``D = F_damped^-1 V``, and ``D' F D`` with the undamped F of the factors that were inverted."""

    direction: Tensor
    quadratic: Callable[[], Tensor]


def invert(mode: str, A: Tensor, S: Tensor, damping: float | Tensor, last: Inverse | None) -> Inverted:
    """Damped inverse of one block; `last` is kept if this one fails."""
    return _invert_eigen(A, S, last) if mode == "eigen" else _invert_factored(A, S, damping, last)


def precondition(mode: str, inverse: Inverse, V: Tensor, damping: float | Tensor) -> Preconditioned:
    """Apply a damped inverse to ``V``, ``[d_out, d_in]``."""
    if mode == "eigen":
        return Preconditioned(*eigenbasis.solve(inverse, V, damping))
    return _apply_factored(inverse, V)


def quadratic_form(A: Tensor, S: Tensor, V: Tensor) -> Tensor:
    """``vec(V)' (A kron S) vec(V)``, 0-d."""
    return (V * (S @ V @ A)).sum()


def shifts(A: Tensor, S: Tensor, damping: float | Tensor) -> tuple[Tensor, Tensor]:
    """``(pi sqrt(lam), sqrt(lam) / pi)``: what factored damping adds to the diagonals of A and S."""
    pi = ((A.trace() / A.shape[0]) / (S.trace() / S.shape[0])).sqrt()
    pi = torch.where(pi.isfinite() & (pi > 0), pi, torch.ones_like(pi))
    root = damping.sqrt() if isinstance(damping, Tensor) else math.sqrt(damping)
    return pi * root, root / pi


def _invert_factored(A: Tensor, S: Tensor, damping: float | Tensor, last: Inverse | None) -> Inverted:
    shift_A, shift_S = shifts(A, S, damping)
    A_inv, A_ok, A_retried = _spd_inverse(A, shift_A)
    S_inv, S_ok, S_retried = _spd_inverse(S, shift_S)
    new = {"A_inv": A_inv, "S_inv": S_inv, "S": S, "A_shift": shift_A, "S_shift": shift_S}
    return _keep_last(new, A_ok & S_ok, A_retried | S_retried, last)


def _apply_factored(inverse: Inverse, V: Tensor) -> Preconditioned:
    half = inverse["S_inv"] @ V  # = D (A + shift_A I), so D A = half - shift_A D
    D = half @ inverse["A_inv"]

    def quadratic() -> Tensor:
        DA = half - inverse["A_shift"] * D
        q = (D * (inverse["S"] @ DA)).sum()
        # Where F is negligible beside the damping, its quadratic form is rounding error, of either sign.
        noise = torch.finfo(V.dtype).eps ** 0.5 * (V * D).sum()
        return torch.where(q.abs() < noise, q.clamp_min(0), q)

    return Preconditioned(D, quadratic)


def _invert_eigen(A: Tensor, S: Tensor, last: Inverse | None) -> Inverted:
    A_values, A_basis, A_ok, A_retried = _eigh(A)
    S_values, S_basis, S_ok, S_retried = _eigh(S)
    new = {"A_values": A_values, "A_basis": A_basis, "S_values": S_values, "S_basis": S_basis}
    return _keep_last(new, A_ok & S_ok, A_retried | S_retried, last)


def _keep_last(new: Inverse, ok: Tensor, retried: Tensor, last: Inverse | None) -> Inverted:
    """The new inverse where it is sound, else the last one, decided on the factors' own device."""
    if last is None:
        if reads_are_free(ok.device):
            return Inverted(new if bool(ok) else None, retried, ~ok)
        last = {name: torch.zeros_like(value) for name, value in new.items()}  # a zero inverse: no step
    return Inverted({k: torch.where(ok, value, last[k]) for k, value in new.items()}, retried, ~ok)


def _spd_inverse(factor: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``(factor + shift I)^-1`` by Cholesky, whether it is sound, and whether it took a float64 retry.

    The retry needs to know on the host that the first attempt failed, so it exists only on the CPU, where
    asking is free; elsewhere a failed inverse is replaced by the last good one.
    """
    inverse, ok = _cholesky_inverse(_shifted(factor, shift))
    retried = torch.zeros_like(ok)
    if not reads_are_free(factor.device) or bool(ok):
        return inverse, ok, retried
    wide = factor.double()
    jitter = torch.finfo(factor.dtype).eps * wide.trace() / factor.shape[0]
    for extra in (0.0, 1.0, 100.0):
        inverse, ok = _cholesky_inverse(_shifted(wide, shift.double() + extra * jitter))
        inverse = inverse.to(factor.dtype)
        ok = ok & inverse.isfinite().all()
        if bool(ok):
            break
    return inverse, ok, ~retried


def _shifted(factor: Tensor, shift: Tensor) -> Tensor:
    shifted = factor.clone()
    shifted.diagonal().add_(shift)
    return shifted


def _cholesky_inverse(matrix: Tensor) -> tuple[Tensor, Tensor]:
    chol, info = torch.linalg.cholesky_ex(matrix, check_errors=False)
    diagonal = chol.diagonal()
    diagonal.copy_(torch.where(info == 0, diagonal, 1))  # a zero left by a failure would raise below
    inverse = torch.cholesky_inverse(chol) if reads_are_free(matrix.device) else inverse_by_triangles(chol)
    return inverse, (info == 0) & inverse.diagonal().sum().isfinite()


def inverse_by_triangles(chol: Tensor) -> Tensor:
    """``(L L')^-1``; `torch.cholesky_inverse` is cheaper but reads a status word back from an accelerator."""
    eye = torch.eye(chol.shape[0], dtype=chol.dtype, device=chol.device)
    half = torch.linalg.solve_triangular(chol, eye, upper=False)
    return torch.mm(half.T, half)


def _eigh(factor: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Eigenvalues (at least 0), eigenvectors, whether they are sound, and whether float64 was needed.

    On an accelerator this waits for the device all the same: `torch.linalg.eigh` asks it for its status.
    """
    yes = torch.ones((), dtype=torch.bool, device=factor.device)
    no = ~yes
    for dtype, retried in ((factor.dtype, no), (torch.float64, yes)):
        try:
            values, basis = torch.linalg.eigh(factor.to(dtype))
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            continue  # did not converge, or non-finite: retry, then report as not sound
        ok = values.sum().isfinite() & basis.sum().isfinite()
        # LAPACK may return NaN without an error.
        if reads_are_free(factor.device) and not retried and not ok:
            continue
        return values.clamp_min(0).to(factor.dtype), basis.to(factor.dtype), ok, retried
    return factor.diagonal().clone(), torch.zeros_like(factor), no, yes
