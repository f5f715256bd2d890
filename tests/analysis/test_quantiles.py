from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.quantiles import (
    beta_quantile,
    normal_cdf,
    normal_quantile,
    student_cdf,
    student_quantile,
)


@pytest.mark.parametrize(
    ("p", "df", "value"),
    [  # printed tables of Student's t
        (0.975, 1, 12.7062),
        (0.975, 2, 4.30265),
        (0.975, 4, 2.77645),
        (0.975, 9, 2.26216),
        (0.95, 3, 2.35336),
        (0.995, 30, 2.75000),
        (0.025, 4, -2.77645),
    ],
)
def test_student_quantiles_of_the_tables(p: float, df: float, value: float) -> None:
    assert student_quantile(p, df) == pytest.approx(value, abs=6e-6 * abs(value))


def test_student_with_many_degrees_of_freedom_is_normal() -> None:
    assert student_quantile(0.975, 1e6) == pytest.approx(1.959966, abs=1e-5)
    assert student_quantile(0.975, float("inf")) == normal_quantile(0.975)


def test_normal_tail_keeps_its_digits() -> None:
    assert normal_cdf(-8.0) == pytest.approx(6.22096057427178e-16, rel=1e-9)
    assert normal_cdf(1.959963985) == pytest.approx(0.975)


@given(st.floats(0.001, 0.999), st.floats(0.5, 200.0))
def test_quantile_and_distribution_are_inverses(p: float, df: float) -> None:
    assert student_cdf(student_quantile(p, df), df) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1])
def test_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        student_quantile(p, 3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        normal_quantile(p)


def test_beta_quantiles() -> None:
    assert beta_quantile(0.5, 3.0, 3.0) == pytest.approx(0.5)
    assert beta_quantile(0.04, 1.0, 20.0) == pytest.approx(1.0 - 0.96 ** (1 / 20))  # 1 - (1 - x)^20
    assert beta_quantile(0.96, 20.0, 1.0) == pytest.approx(0.96 ** (1 / 20))
    with pytest.raises(ValueError, match="between 0 and 1"):
        beta_quantile(1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="positive"):
        beta_quantile(0.5, 0.0, 1.0)


def test_no_degrees_of_freedom_are_refused() -> None:
    with pytest.raises(ValueError, match="positive degrees"):
        student_quantile(0.9, 0.0)
