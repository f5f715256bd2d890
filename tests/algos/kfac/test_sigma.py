"""The running standard deviation of the critic's error."""

from __future__ import annotations

import copy

import pytest
import torch

from algos.kfac import Gaussian, RunningSigma


def test_it_is_the_age_weighted_mean_of_the_batches_variances() -> None:
    batches = [torch.randn(50, dtype=torch.float64) * scale for scale in (1.0, 3.0, 0.5)]
    sigma = RunningSigma(decay=0.9).double()
    for batch in batches:
        result = sigma(batch)
    weights = torch.tensor([0.9**age for age in (2, 1, 0)], dtype=torch.float64)
    variances = torch.stack([((batch - batch.mean()) ** 2).mean() for batch in batches])
    assert torch.allclose(result, ((weights * variances).sum() / weights.sum()).sqrt(), rtol=1e-12)


def test_the_first_batch_counts_whole() -> None:
    errors = torch.tensor([-3.0, 3.0])
    assert float(RunningSigma(decay=0.999)(errors)) == pytest.approx(3.0)


def test_it_is_one_before_the_first_batch_and_never_below_the_minimum() -> None:
    sigma = RunningSigma(minimum=0.2)
    assert float(sigma.sigma) == 1.0
    assert float(sigma(torch.zeros(10))) == pytest.approx(0.2)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_non_finite_batch_is_left_out(bad: float) -> None:
    sigma = RunningSigma()
    before = float(sigma(torch.tensor([1.0, -1.0])))
    assert float(sigma(torch.tensor([1.0, bad]))) == before
    assert float(sigma(torch.tensor([2.0, -2.0]))) > before


def test_its_state_travels() -> None:
    sigma = RunningSigma()
    sigma(torch.randn(20))
    other = RunningSigma()
    other.load_state_dict(copy.deepcopy(sigma.state_dict()))
    errors = torch.randn(20)
    assert torch.equal(sigma(errors), other(errors))


@pytest.mark.parametrize("arguments", [{"decay": 1.0}, {"decay": -0.1}, {"minimum": 0.0}], ids=str)
def test_bad_arguments_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected a"):
        RunningSigma(**arguments)


def test_a_gaussian_takes_a_number_or_a_tensor_alike() -> None:
    value, tangent = torch.randn(7, 1), torch.randn(7, 1)
    number, tensor = Gaussian(value, 0.3), Gaussian(value, torch.tensor(0.3))
    assert torch.equal(number.quadratic(tangent), tensor.quadratic(tangent))
    assert torch.equal(number.score_columns(), tensor.score_columns())
    frozen, running = tensor.detach(), tensor.sigma
    running.mul_(2)
    assert float(frozen.sigma) == pytest.approx(0.3)
