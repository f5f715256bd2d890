"""The radius follows the advantages."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from algos.acktr.radius import AdvantageRadius


def spread(std: float, n: int = 200) -> torch.Tensor:
    """``n`` numbers of exactly this standard deviation."""
    return std * torch.tensor([-1.0, 1.0]).repeat(n // 2)


def test_equal_batches_keep_the_whole_radius() -> None:
    radius = AdvantageRadius()
    assert [radius(spread(0.3)).item() for _ in range(5)] == pytest.approx([1.0] * 5)


def test_the_factor_is_the_variance_over_the_mean_of_all_variances() -> None:
    radius = AdvantageRadius()
    radius(spread(3.0))
    assert radius(spread(1.0)).item() == pytest.approx(1 / ((9 + 1) / 2))
    assert radius(spread(0.1)).item() == pytest.approx(0.01 / ((9 + 1 + 0.01) / 3))


def test_a_perfect_policy_does_not_wear_the_reference_down() -> None:
    radius = AdvantageRadius()
    for _ in range(100):
        radius(spread(1.0))
    factors = [radius(spread(0.05)).item() for _ in range(900)]
    assert max(factors) < 0.03
    assert radius(spread(1.0)).item() == 1.0


def test_a_shift_of_the_advantages_changes_nothing() -> None:
    first, second = AdvantageRadius(), AdvantageRadius()
    for std in (1.0, 0.5, 0.2):
        assert first(spread(std)).item() == pytest.approx(second(spread(std) + 7).item(), rel=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_batch_that_is_not_finite_gives_zero_and_is_forgotten(value: float) -> None:
    radius = AdvantageRadius()
    radius(spread(2.0))
    before = {name: buffer.clone() for name, buffer in radius.state_dict().items()}
    assert radius(torch.tensor([0.0, value])).item() == 0.0
    assert all(torch.equal(buffer, before[name]) for name, buffer in radius.state_dict().items())


def test_constant_advantages_from_the_start_keep_the_radius() -> None:
    assert AdvantageRadius()(torch.ones(10)).item() == 1.0


def test_state_dict_continues_exactly() -> None:
    first, second = AdvantageRadius(), AdvantageRadius()
    first(spread(1.3)), first(spread(0.4))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(spread(0.7)), second(spread(0.7)))


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20), st.floats(1e-2, 1e2))
def test_the_factor_lies_in_the_unit_interval_and_ignores_the_scale(stds: list[float], scale: float) -> None:
    first, second = AdvantageRadius(), AdvantageRadius()
    for std in stds:
        factor = first(spread(std)).item()
        assert 0 < factor <= 1
        assert factor == pytest.approx(second(spread(std * scale)).item(), rel=1e-3)
