"""Scores, output Fisher and KL of the output distributions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, distributions

from algos.kfac import Bernoulli, Categorical, DiagGaussian, Gaussian, MultiCategorical, OutputDistribution
from algos.kfac.distributions import realised_kl

LOG_STD = torch.tensor([-0.7, 0.1, 0.4, -0.2, 0.0], dtype=torch.float64)

HEADS: dict[str, Callable[[Tensor], OutputDistribution]] = {
    "categorical": Categorical,
    "multi_categorical": lambda output: MultiCategorical(output, [2, 3]),
    "bernoulli": Bernoulli,
    "diag_gaussian": lambda output: DiagGaussian(output, LOG_STD),
    "gaussian": lambda output: Gaussian(output, sigma=0.7),
}


def torch_distribution(kind: str, output: Tensor) -> list[distributions.Distribution]:
    """The same distribution by torch, as independent factors."""
    if kind == "categorical":
        return [distributions.Categorical(logits=output)]
    if kind == "multi_categorical":
        return [distributions.Categorical(logits=part) for part in output.split([2, 3], -1)]
    if kind == "bernoulli":
        return [distributions.Independent(distributions.Bernoulli(logits=output), 1)]
    std = LOG_STD.exp().expand_as(output) if kind == "diag_gaussian" else torch.full_like(output, 0.7)
    return [distributions.Independent(distributions.Normal(output, std), 1)]


@pytest.fixture(params=HEADS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def output(fp64: None) -> Tensor:
    return torch.randn(6, 5)


def test_kl_equals_torchs(kind: str, output: Tensor) -> None:
    other = output + 0.5 * torch.randn(6, 5)
    pairs = zip(torch_distribution(kind, output), torch_distribution(kind, other), strict=True)
    expected = sum(distributions.kl_divergence(p, q) for p, q in pairs)
    torch.testing.assert_close(HEADS[kind](output).kl(HEADS[kind](other)), expected, rtol=1e-10, atol=1e-14)


def test_the_output_fisher_is_the_hessian_of_the_kl(kind: str, output: Tensor) -> None:
    head, tangent = HEADS[kind](output), torch.randn(6, 5)
    kl = lambda o, here: HEADS[kind](here[None]).kl(HEADS[kind](o[None])).sum()  # noqa: E731
    fisher = torch.stack([torch.func.hessian(kl)(row, row) for row in output])
    expected = torch.einsum("ni,nij,nj->n", tangent, fisher, tangent)
    torch.testing.assert_close(head.quadratic(tangent), expected, rtol=1e-9, atol=1e-12)
    columns = head.score_columns()
    torch.testing.assert_close(torch.einsum("cni,cnj->nij", columns, columns), fisher, rtol=1e-9, atol=1e-12)


def test_sampled_scores_have_mean_zero_and_the_fisher_as_second_moment(kind: str, output: Tensor) -> None:
    many = output[:1].expand(40000, 5)
    scores = HEADS[kind](many).score_sample(torch.Generator().manual_seed(0))
    columns = HEADS[kind](output[:1]).score_columns().squeeze(1)
    fisher = columns.T @ columns
    assert scores.mean(0).norm() < 0.02 * fisher.trace().sqrt()
    assert (scores.T @ scores / 40000 - fisher).norm() < 0.03 * fisher.norm()


def test_a_sampled_score_is_the_gradient_of_some_outcomes_log_likelihood(output: Tensor) -> None:
    output = output.requires_grad_()
    score = Categorical(output).score_sample(torch.Generator().manual_seed(0))
    candidates = []
    for action in range(5):
        log_p = distributions.Categorical(logits=output).log_prob(torch.full((6,), action))
        candidates.append(torch.autograd.grad(log_p.sum(), output)[0])
    hits = torch.stack([(score - c).abs().sum(1) < 1e-12 for c in candidates])
    assert (hits.sum(0) == 1).all()
    assert not score.requires_grad


def test_the_same_generator_gives_the_same_score(kind: str, output: Tensor) -> None:
    draw = lambda: HEADS[kind](output).score_sample(torch.Generator().manual_seed(7))  # noqa: E731
    assert torch.equal(draw(), draw())


def test_taking_examples_commutes_with_everything(kind: str, output: Tensor) -> None:
    head, index, tangent = HEADS[kind](output), torch.tensor([4, 1]), torch.randn(6, 5)
    part = head.take(index)
    assert torch.equal(part.quadratic(tangent[index]), head.quadratic(tangent)[index])
    assert torch.equal(part.score_columns(), head.score_columns()[:, index])
    assert torch.equal(part.kl(HEADS[kind](tangent[index])), head.kl(HEADS[kind](tangent))[index])


def test_detach_freezes_the_log_std(output: Tensor) -> None:
    log_std = torch.zeros(5, requires_grad=True)
    head = DiagGaussian(output, log_std)
    frozen = head.detach()
    with torch.no_grad():
        log_std.add_(0.5)
    assert (frozen.kl(frozen) == 0).all()
    expected = distributions.kl_divergence(
        distributions.Normal(0.0, 1.0), distributions.Normal(torch.tensor(0.0), torch.tensor(0.5).exp())
    )
    torch.testing.assert_close(frozen.kl(head).detach(), (5 * expected).expand(6).double(), rtol=1e-6, atol=0)


def test_the_fisher_of_the_log_std_is_two(fp64: None) -> None:
    """What `free={"log_std": 2.0}` states: the Hessian of the KL in the log-std of a Gaussian."""
    mean = torch.zeros(1, 3)
    here = torch.tensor([-1.0, 0.0, 0.7])
    hessian = torch.func.hessian(lambda s: DiagGaussian(mean, here).kl(DiagGaussian(mean, s)).sum())(here)
    torch.testing.assert_close(hessian, 2 * torch.eye(3))


def test_sigma_one_half_makes_the_critics_fisher_four_times_as_large(output: Tensor) -> None:
    tangent = torch.randn(6, 5)
    torch.testing.assert_close(
        Gaussian(output, 0.5).quadratic(tangent), 4 * Gaussian(output).quadratic(tangent)
    )


def test_a_value_may_have_one_dimension(fp64: None) -> None:
    v = torch.randn(6)
    assert Gaussian(v).score_columns().shape == (1, 6)
    assert Gaussian(v).quadratic(v).shape == Gaussian(v).kl(Gaussian(v + 1)).shape == (6,)
    torch.testing.assert_close(Gaussian(v).kl(Gaussian(v + 1)), torch.full((6,), 0.5))


def test_realised_kl_is_the_batch_mean_summed_over_heads(output: Tensor) -> None:
    before = [Categorical(output), Gaussian(output[:, :1])]
    after = [Categorical(output * 2), Gaussian(output[:, :1] + 1)]
    expected = before[0].kl(after[0]).mean() + 0.5
    torch.testing.assert_close(realised_kl(before, after), expected)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("inf"), float("nan")])
def test_sigma_must_be_positive(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma"):
        Gaussian(torch.zeros(3), sigma)


def test_nvec_must_fit_the_output() -> None:
    with pytest.raises(ValueError, match=r"nvec=\[2, 2\].*width 4, got 5"):
        MultiCategorical(torch.zeros(3, 5), [2, 2])
