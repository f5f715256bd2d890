"""``(A kron S + lam I)^-1 V`` in the factors' eigenbases, without the directions that the damping hides.

Most eigenvalues of a large layer's factors are so small that they are rounding error of the factor, or that
their products with those of the other factor vanish beside the damping in floating point. There the solution
is ``V / lam``, and no rotation is needed: only the other eigenvectors ("seen") are multiplied with. That is
no approximation beyond the rounding of the factors and of the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.linalg import multi_dot  # takes the cheaper order of products

from algos.kfac.host import reads_are_free

WORTH = 0.8
"""Largest share of the full rotation's products at which the shorter way is taken."""


def solve(
    inverse: Mapping[str, Tensor], V: Tensor, damping: float | Tensor
) -> tuple[Tensor, Callable[[], Tensor]]:
    """``D = (A kron S + lam I)^-1 V``, ``[d_S, d_A]``, and ``D' (A kron S) D``, 0-d.

    Args:
        inverse: ``A_values`` and ``S_values``, ascending, at least 0; columns ``A_basis`` and ``S_basis``.
        V: ``[d_S, d_A]``.
        damping: ``lam``.
    """
    S, A = inverse["S_basis"], inverse["A_basis"]
    if reads_are_free(V.device) and damping > 0:
        s, a = _seen(inverse["S_values"], inverse["A_values"], damping)
        if s * (S.shape[0] + a) <= WORTH * S.shape[0] * (S.shape[0] + A.shape[0]):
            return _solve_seen(inverse, V, damping, s, a)
    values = torch.outer(inverse["S_values"], inverse["A_values"])
    rotated = S.T @ V @ A / (values + damping)
    return S @ rotated @ A.T, lambda: (values * rotated.square()).sum()


def _seen(S: Tensor, A: Tensor, damping: float | Tensor) -> tuple[int, int]:
    """How many eigenvalues of each factor are more than rounding error, there or in ``v + lam``."""
    eps = torch.finfo(A.dtype).eps
    bar_S, bar_A = eps * torch.maximum(S[-1], damping / A[-1]), eps * torch.maximum(A[-1], damping / S[-1])
    return max(1, int((bar_S < S).sum())), max(1, int((bar_A < A).sum()))


def _stiff(S: Tensor, A: Tensor, damping: float | Tensor) -> tuple[int, int]:
    """How many eigenvalues of each factor give a product above the damping with some of the other's."""
    return max(1, int((S * A[-1] > damping).sum())), max(1, int((A * S[-1] > damping).sum()))


def _solve_seen(
    inverse: Mapping[str, Tensor], V: Tensor, damping: float | Tensor, s: int, a: int
) -> tuple[Tensor, Callable[[], Tensor]]:
    S_values, A_values = inverse["S_values"][-s:], inverse["A_values"][-a:]
    S, A = inverse["S_basis"][:, -s:], inverse["A_basis"][:, -a:]
    values = torch.outer(S_values, A_values)
    coordinates = multi_dot([S.T, V, A])
    rotated = coordinates / (values + damping)
    D = V / damping + multi_dot([S, rotated - coordinates / damping, A.T])
    # Where F exceeds the damping, D is a small difference of large numbers: those coordinates are put right.
    s, a = _stiff(S_values, A_values, damping)
    S, A = S[:, -s:], A[:, -a:]
    D += multi_dot([S, rotated[-s:, -a:] - multi_dot([S.T, D, A]), A.T])
    return D, lambda: (values * rotated.square()).sum()
