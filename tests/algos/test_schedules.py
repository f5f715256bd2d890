"""Schedules: one normal form, SB3 callables, clear refusals."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algos.schedules import as_callable, normalise

numbers = st.floats(min_value=0, max_value=1e6, allow_nan=False)


@given(start=numbers, end=numbers, progress=st.floats(0, 1))
def test_linear_schedule_interpolates_between_its_ends(start: float, end: float, progress: float) -> None:
    value = as_callable({"linear": [start, end]})(progress)
    expected = start * progress + end * (1 - progress)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-9 * (1 + start + end))


@given(start=numbers, end=numbers)
def test_quadratic_schedule_has_gone_three_quarters_of_its_way_at_half_time(start: float, end: float) -> None:
    schedule = as_callable({"quadratic": [start, end]})
    tolerance = 1e-9 * (1 + start + end)
    assert schedule(1.0) == pytest.approx(start, abs=tolerance)
    assert schedule(0.0) == pytest.approx(end, abs=tolerance)
    assert schedule(0.5) == pytest.approx(0.25 * start + 0.75 * end, abs=tolerance)
    assert pickle.loads(pickle.dumps(schedule))(0.3) == schedule(0.3)


@given(value=numbers)
def test_normal_form_is_a_fixed_point(value: float) -> None:
    for written in (value, str(value), f"lin_{value}", {"linear": [value, 0]}, {"quadratic": [value, 0]}):
        assert normalise(normalise(written)) == normalise(written)


def test_zoo_spelling_equals_the_mapping() -> None:
    assert normalise("lin_2.5e-1") == normalise({"linear": [0.25, 0]}) == {"linear": [0.25, 0.0]}


def test_a_number_is_constant() -> None:
    schedule = as_callable("7e-2")
    assert [schedule(progress) for progress in (1.0, 0.5, 0.0)] == [0.07, 0.07, 0.07]


def test_callables_survive_pickling() -> None:
    assert pickle.loads(pickle.dumps(as_callable("lin_0.5")))(0.5) == 0.25


@pytest.mark.parametrize(
    "value",
    [
        -1,
        "lin_-1",
        "lin_x",
        "fast",
        True,
        float("nan"),
        float("inf"),
        None,
        [1, 0],
        {"linear": [1]},
        {"quadratic": [1, -1]},
        {"linear": [1, 0], "quadratic": [1, 0]},
        {},
        {"cos": [1, 0]},
    ],
    ids=str,
)
def test_anything_else_is_refused_with_what_was_expected(value: object) -> None:
    with pytest.raises(ValueError, match=r"expected a number >= 0, 'lin_<number>', or \{linear: \["):
        normalise(value)
