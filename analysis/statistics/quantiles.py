"""Normal, Student and beta distributions, as far as intervals and power need them (no SciPy)."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()


def normal_cdf(x: float) -> float:
    """P(Z <= x); exact to the last digits in the lower tail too."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def normal_quantile(p: float) -> float:
    """The x with P(Z <= x) = p; raises ValueError unless 0 < p < 1."""
    if not 0.0 < p < 1.0:
        raise ValueError(f"p: expected a probability between 0 and 1, got {p}")
    return _NORMAL.inv_cdf(p)


def student_quantile(p: float, df: float) -> float:
    """The x with P(T <= x) = p for Student's T with ``df`` degrees of freedom, by Newton's method.

    Above 0 the distribution is concave, so that Newton's steps from 0 never overshoot.

    Raises:
        ValueError: ``p`` is no probability strictly between 0 and 1, or ``df`` is not positive.
    """
    if not 0.0 < p < 1.0:
        raise ValueError(f"p: expected a probability between 0 and 1, got {p}")
    if not df > 0.0:
        raise ValueError(f"df: expected positive degrees of freedom, got {df}")
    if p < 0.5:
        return -student_quantile(1.0 - p, df)
    if math.isinf(df) or df > 1e7:
        return normal_quantile(p)
    log_density = math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df) - 0.5 * math.log(df * math.pi)
    x = 0.0
    for _ in range(200):
        density = math.exp(log_density - 0.5 * (df + 1.0) * math.log1p(x * x / df))
        step = (p - student_cdf(x, df)) / density
        x += step
        if abs(step) <= 1e-13 * x:
            break
    return x


def student_cdf(x: float, df: float) -> float:
    """P(T <= x) for Student's T with ``df`` degrees of freedom."""
    tail = 0.5 * _incomplete_beta(0.5 * df, 0.5, df / (df + x * x))
    return 1.0 - tail if x > 0 else tail


@lru_cache(maxsize=4096)
def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, to 1e-12, by bisection.

    Raises:
        ValueError: ``p`` is no probability strictly between 0 and 1, or ``a`` or ``b`` is not positive.
    """
    if not 0.0 < p < 1.0:
        raise ValueError(f"p: expected a probability between 0 and 1, got {p}")
    if not (a > 0.0 and b > 0.0):
        raise ValueError(f"a, b: expected positive numbers, got {a} and {b}")
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _incomplete_beta(a, b, middle) < p else (low, middle)
    return 0.5 * (low + high)


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b)."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(a, b, x) / a
    return 1.0 - front * _beta_fraction(b, a, 1.0 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0), tiny)
    result = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for numerator in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + numerator * d, tiny)
            c = _away_from_zero(1.0 + numerator / c, tiny)
            result *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return result


def _away_from_zero(value: float, tiny: float) -> float:
    return tiny if abs(value) < tiny else value
