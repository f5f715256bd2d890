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


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_equal_batches_keep_the_whole_radius(momentum: float) -> None:
    radius = AdvantageRadius(momentum)
    assert [radius(spread(0.3))[0].item() for _ in range(5)] == pytest.approx([1.0] * 5)


def test_the_factor_is_the_variance_over_the_mean_of_all_variances() -> None:
    radius = AdvantageRadius()
    radius(spread(3.0))
    assert radius(spread(1.0))[0].item() == pytest.approx(1 / ((9 + 1) / 2))
    assert radius(spread(0.1))[0].item() == pytest.approx(0.01 / ((9 + 1 + 0.01) / 3))


def test_a_perfect_policy_does_not_wear_the_reference_down() -> None:
    radius = AdvantageRadius()
    for _ in range(100):
        radius(spread(1.0))
    factors = [radius(spread(0.05))[0].item() for _ in range(900)]
    assert max(factors) < 0.03
    assert radius(spread(1.0))[0].item() == 1.0


@given(st.lists(st.floats(1e-2, 1e2), min_size=1, max_size=30), st.sampled_from([0.0, 0.5, 0.9]))
def test_the_factor_counts_the_batches_that_the_average_stands_for(
    stds: list[float], momentum: float
) -> None:
    """Against the variance of such averages of independent unit directions, weight by weight."""
    radius, plain = AdvantageRadius(momentum), AdvantageRadius()
    weights = []
    for std in stds:
        factor, weight = radius(spread(std))
        weights.append(weight.item())
        of_variances = plain(spread(std))[0].item()
        assert weights[-1] == pytest.approx(of_variances**0.5, rel=1e-5)
        decays = [momentum**age for age in reversed(range(len(weights)))]
        noise = [
            sum((d * w) ** 2 for d, w in zip(decays, of, strict=True))
            / sum(d * w for d, w in zip(decays, of, strict=True)) ** 2
            for of in (weights, [1.0] * len(weights))
        ]
        assert factor.item() == pytest.approx(min(1, of_variances * noise[1] / noise[0]), rel=1e-4)


def test_a_large_batch_after_many_small_ones_has_a_part_of_the_radius() -> None:
    radius = AdvantageRadius(0.9)
    for std in [1.0] * 500 + [0.01] * 60:
        radius(spread(std))
    first = radius(spread(1.0))[0].item()
    later = [radius(spread(1.0))[0].item() for _ in range(40)]
    assert first == pytest.approx(1.2 / 19, rel=0.2)  # one batch and 9 / 100 of one, of 19
    assert later == sorted(later)
    assert later[-1] == pytest.approx(1.0, rel=0.05)


def test_a_shift_of_the_advantages_changes_nothing() -> None:
    first, second = AdvantageRadius(), AdvantageRadius()
    for std in (1.0, 0.5, 0.2):
        assert first(spread(std))[0].item() == pytest.approx(second(spread(std) + 7)[0].item(), rel=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_batch_that_is_not_finite_gives_zero_and_is_forgotten(value: float) -> None:
    radius = AdvantageRadius()
    radius(spread(2.0))
    before = {name: buffer.clone() for name, buffer in radius.state_dict().items()}
    assert [number.item() for number in radius(torch.tensor([0.0, value]))] == [0.0, 0.0]
    assert all(torch.equal(buffer, before[name]) for name, buffer in radius.state_dict().items())


def test_constant_advantages_from_the_start_keep_the_radius() -> None:
    assert AdvantageRadius()(torch.ones(10))[0].item() == 1.0


def test_state_dict_continues_exactly() -> None:
    first, second = AdvantageRadius(0.9), AdvantageRadius(0.9)
    first(spread(1.3)), first(spread(0.4))
    second.load_state_dict(first.state_dict())
    assert torch.equal(torch.stack(first(spread(0.7))), torch.stack(second(spread(0.7))))


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20), st.floats(1e-2, 1e2))
def test_the_factor_lies_in_the_unit_interval_and_ignores_the_scale(stds: list[float], scale: float) -> None:
    first, second = AdvantageRadius(0.9), AdvantageRadius(0.9)
    for std in stds:
        factor = first(spread(std))[0].item()
        assert 0 < factor <= 1
        assert factor == pytest.approx(second(spread(std * scale))[0].item(), rel=1e-3)
