"""The trust region: arithmetic, metrics, step rules, and the KL divergence that steps really cause."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from algos.kfac import KFAC, Gaussian
from algos.kfac.trust_region import step_length
from tests.algos.kfac.conftest import (
    GaussianPolicy,
    TwoHeads,
    actor_critic_heads,
    atari_network,
    dense_fisher,
    gaussian_heads,
    mlp,
    observe,
)

YES = torch.tensor(True)


def descend(opt: KFAC, x: Tensor, build: Any, **options: Any) -> dict[str, Tensor]:
    """One update on a random linear loss of the outputs; returns the step taken per parameter name."""
    outputs = observe(opt, x, build, **options)
    opt.zero_grad()
    sum((o * torch.randn_like(o)).mean(0).sum() for o in outputs).backward()
    for block in opt.blocks:
        for p in block.parameters:
            if p.grad is None:
                p.grad = torch.randn_like(p)
    before = {name: p.detach().clone() for name, p in opt.model.named_parameters()}
    opt.step()
    return {name: p.detach() - before[name] for name, p in opt.model.named_parameters()}


def test_the_clip_has_the_textbook_value() -> None:
    """<G1, D1> + <G2, D2> = 174 for [[1,2],[3,4]]x[[3,4],[5,6]] and [[2,3],[4,5]]x[[7,8],[9,10]]."""
    grid = lambda a: torch.tensor([[a, a + 1.0], [a + 2.0, a + 3.0]], dtype=torch.float64)  # noqa: E731
    q = (grid(1) * grid(3)).sum() + (grid(2) * grid(7)).sum()
    assert q == 174
    step = step_length("trust_region", q, 0.1**2 * q, 0.25, YES)
    torch.testing.assert_close(step.scale**2 * 0.1**2 * q, torch.tensor(0.5, dtype=torch.float64))
    assert step.clipped
    assert step_length("trust_region", q, 0.1**2 * q, 10.0, YES).scale == 1


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-12, 1e12), st.floats(1e-12, 1e6), st.floats(-1e6, 1e6))
def test_no_step_leaves_the_region_and_none_is_shorter_than_needed(
    q: float, delta: float, slope: float
) -> None:
    quadratic, s = torch.tensor(q, dtype=torch.float64), torch.tensor(slope, dtype=torch.float64)
    step = step_length("trust_region", s, quadratic, delta, YES)
    assert 0 <= step.scale <= 1
    assert step.predicted_kl <= delta * (1 + 1e-12)
    torch.testing.assert_close(step.predicted_kl, 0.5 * step.scale**2 * quadratic)
    if step.clipped:
        torch.testing.assert_close(step.predicted_kl, torch.tensor(delta, dtype=torch.float64))
    else:
        assert step.scale == 1
    newton = step_length("gauss_newton", s, quadratic, delta, YES)
    limit = max(0.0, min(1.0, slope / q))
    torch.testing.assert_close(
        newton.scale, torch.minimum(step.scale, torch.tensor(limit, dtype=torch.float64))
    )


@pytest.mark.parametrize("q", [float("nan"), float("inf"), -1.0])
def test_an_unsound_quadratic_makes_no_step(q: float) -> None:
    step = step_length("trust_region", torch.tensor(1.0), torch.tensor(q), 1e-3, YES)
    assert not step.ok
    assert step.scale == 0
    assert step.predicted_kl == 0


def test_a_zero_gradient_makes_no_step_and_is_no_failure() -> None:
    step = step_length("gauss_newton", torch.tensor(0.0), torch.tensor(0.0), 1e-3, YES)
    assert step.ok
    assert step.predicted_kl == 0


@pytest.mark.parametrize("mode", ["factored", "eigen"])
@pytest.mark.parametrize("metric", ["kfac", "damped", "exact"])
@pytest.mark.parametrize("order", ["clip_then_average", "average_then_clip"])
def test_the_predicted_kl_is_the_quadratic_form_of_the_metric(
    mode: Any, metric: Any, order: Any, fp64: None
) -> None:
    """Without momentum in the way: half of step' F step, against dense matrices of all three kinds."""
    net = GaussianPolicy(3, 2)
    x = torch.randn(20, 3)
    opt = KFAC(
        net, free={"log_std": 2.0}, damping_mode=mode, metric=metric, momentum_order=order, momentum=0.0
    )
    build = gaussian_heads(net)
    names = [name for name, _ in net.named_parameters() if name != "log_std"]
    exact = dense_fisher(net, names, x, build)
    step = descend(opt, x, build, exact=True)
    assert opt.last["clipped"]
    predicted = float(opt.last["predicted_kl"])
    assert predicted == pytest.approx(1e-3, rel=1e-10)

    damping = 1e-2 if metric == "damped" else 0.0
    if metric == "exact":
        flat = torch.cat([step[name].flatten() for name in names])
        total = flat @ exact @ flat
    else:
        total = torch.zeros(())
        for block in opt.blocks:
            if block.name == "log_std":
                continue
            own = opt.state[block.key]
            A, S = own["A"], own["S"]
            M = block.to_matrix([step[f"{block.name}.weight"], step[f"{block.name}.bias"]])
            if damping and mode == "factored":
                pi = ((A.trace() / A.shape[0]) / (S.trace() / S.shape[0])).sqrt()
                A = A + pi * damping**0.5 * torch.eye(A.shape[0])
                S = S + damping**0.5 / pi * torch.eye(S.shape[0])
            total = total + (M * (S @ M @ A)).sum()
            if damping and mode == "eigen":
                total = total + damping * M.square().sum()
    total = total + (2 + damping) * step["log_std"].square().sum()
    assert float(total) / 2 == pytest.approx(predicted, rel=1e-8)


@pytest.mark.parametrize("metric", ["kfac", "damped", "exact"])
def test_an_averaged_direction_is_measured_itself(metric: Any, fp64: None) -> None:
    """With "average_then_clip" the step taken, momentum included, has the predicted quadratic form."""
    net = TwoHeads(mlp(4, 6), 6, 3)
    opt = KFAC(net, metric=metric, momentum_order="average_then_clip", stats_decay=0.9)
    for _ in range(4):
        x = torch.randn(30, 4)
        names = [name for name, _ in net.named_parameters()]
        exact = dense_fisher(net, names, x, actor_critic_heads)
        step = descend(opt, x, actor_critic_heads, exact=True)
    if metric == "exact":
        flat = torch.cat([step[name].flatten() for name in names])
        total = float(flat @ exact @ flat)
    else:
        total = 0.0
        for block in opt.blocks:
            own = opt.state[block.key]
            A, S = own["A"], own["S"]
            if metric == "damped":
                A = A + own["inverse"]["A_shift"] * torch.eye(A.shape[0])
                S = S + own["inverse"]["S_shift"] * torch.eye(S.shape[0])
            M = block.to_matrix([step[f"{block.name}.weight"], step[f"{block.name}.bias"]])
            total += float((M * (S @ M @ A)).sum())
    assert total / 2 == pytest.approx(float(opt.last["predicted_kl"]), rel=1e-8)


@pytest.mark.parametrize("kind", ["categorical", "gaussian", "atari"])
def test_the_realised_kl_equals_delta_with_the_exact_metric(kind: str) -> None:
    delta = 1e-4
    if kind == "categorical":
        net, x, build = (
            TwoHeads(mlp(22, 64, 64, activation=nn.Tanh), 64, 6),
            torch.randn(300, 22),
            actor_critic_heads,
        )
    elif kind == "gaussian":
        net, x = GaussianPolicy(11, 3), torch.randn(300, 11)
        build = gaussian_heads(net)
    else:
        net, x, build = atari_network(), torch.rand(6, 4, 84, 84), actor_critic_heads
    free = {"log_std": 2.0} if kind == "gaussian" else None
    opt = KFAC(net, lr=1.0, delta=delta, momentum=0.0, metric="exact", free=free)
    descend(opt, x, build, generator=torch.Generator().manual_seed(0))
    assert opt.last["clipped"]
    assert 0.98 <= float(opt.realised_kl(build)) / delta <= 1.02


def test_the_realised_kl_is_of_the_order_of_delta_with_the_papers_metric() -> None:
    """Block-diagonal F misses cross terms: too small by up to the number of layers, never by magnitudes."""
    net, x = TwoHeads(mlp(22, 64, 64), 64, 6), torch.randn(300, 22)
    opt = KFAC(net, lr=1.0, momentum=0.0, metric="kfac")
    descend(opt, x, actor_critic_heads, exact=True)
    assert 0.2 <= float(opt.realised_kl(actor_critic_heads)) / 1e-3 <= 1.5 * 4


def test_the_exact_metric_of_some_examples_estimates_that_of_all(fp64: None) -> None:
    net = GaussianPolicy(4, 2)
    x, build, quadratics = torch.randn(200, 4), gaussian_heads(net), []
    start = {name: p.detach().clone() for name, p in net.named_parameters()}
    for most in (None, 200, *[20] * 60):
        net.load_state_dict(start)
        torch.manual_seed(1)
        opt = KFAC(
            net, momentum=0.0, metric="exact", metric_batch=most, free={"log_std": 2.0}, seed=len(quadratics)
        )
        descend(opt, x, build, generator=torch.Generator().manual_seed(0))
        quadratics.append(float(opt.last["quadratic"]))
    assert quadratics[0] == quadratics[1]
    sampled = torch.tensor(quadratics[2:])
    assert 0.9 < float(sampled.mean()) / quadratics[0] < 1.1
    assert float(sampled.std()) > 0


def test_in_place_activations_pass_through_the_exact_metric(fp64: None) -> None:
    nets = []
    for inplace in (False, True):
        torch.manual_seed(0)
        trunk = nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.ReLU(inplace), nn.Flatten(), nn.Linear(64, 8), nn.ReLU(inplace)
        )
        nets.append(TwoHeads(trunk, 8, 3))
    quadratics = []
    for net in nets:
        torch.manual_seed(1)
        opt = KFAC(net, metric="exact")
        descend(opt, torch.randn(10, 2, 6, 6), actor_critic_heads, exact=True)
        quadratics.append(opt.last["quadratic"])
    assert torch.equal(*quadratics)


def test_the_exact_metric_of_a_step_that_no_output_sees_is_its_free_parameters_alone(fp64: None) -> None:
    policy = GaussianPolicy(3, 2)
    opt = KFAC(policy, metric="exact", free={"log_std": 2.0}, lr=0.5, damping=0.5)
    observe(opt, torch.randn(8, 3), gaussian_heads(policy))
    opt.zero_grad()
    policy.log_std.square().sum().backward()
    expected = 2 * (0.5 * 2 * policy.log_std.detach() / 2.5).square().sum()
    opt.step()
    torch.testing.assert_close(opt.last["quadratic"], expected)


def test_the_gauss_newton_rule_minimises_the_quadratic_model(fp64: None) -> None:
    """For a linear critic the model is the loss: the step along D is the best one, whatever the damping."""
    net = nn.Linear(4, 1)
    x, y = torch.randn(50, 4), torch.randn(50, 1)
    opt = KFAC(net, lr=10.0, delta=1e9, momentum=0.0, damping=0.3, metric="exact", step_rule="gauss_newton")
    outputs = observe(opt, x, lambda o: [Gaussian(o[0])])
    loss = lambda: 0.5 * (net(x) - y).square().mean()  # noqa: E731
    opt.zero_grad()
    (0.5 * (outputs[0] - y).square().mean()).backward()
    start = [p.detach().clone() for p in net.parameters()]
    opt.step()
    best = [p.detach().clone() for p in net.parameters()]
    assert 0 < opt.last["scale"] < 1

    def along(t: float) -> float:
        with torch.no_grad():
            for p, a, b in zip(net.parameters(), start, best, strict=True):
                p.copy_(a + t * (b - a))
            return float(loss())

    at_best = along(1.0)
    assert at_best < min(along(0.99), along(1.01), along(0.0))
    # q/2 is the loss decrease of the minimiser of a quadratic: g'u nu / 2
    assert along(0.0) - at_best == pytest.approx(float(opt.last["scale"] * opt.last["slope"]) / 2, rel=1e-9)


def test_eta_is_the_smaller_of_eta_max_and_the_trust_region(fp64: None) -> None:
    net = TwoHeads(mlp(4, 6), 6, 3)
    x = torch.randn(30, 4)
    small = KFAC(net, lr=1e-6, momentum=0.0)
    descend(small, x, actor_critic_heads)
    assert small.last["eta"] == 1e-6
    assert not small.last["clipped"]
    large = KFAC(net, lr=100.0, momentum=0.0)
    descend(large, x, actor_critic_heads)
    D_F_D = large.last["quadratic"] / 100.0**2
    torch.testing.assert_close(large.last["eta"], (2 * 1e-3 / D_F_D).sqrt())


def test_layers_with_different_learning_rates_share_one_region(fp64: None) -> None:
    net = TwoHeads(mlp(4, 6), 6, 3)
    groups = [
        {"params": [*net.trunk.parameters()], "lr": 0.5},
        {"params": [*net.pi.parameters(), *net.v.parameters()]},
    ]
    opt = KFAC(net, groups, lr=2.0, momentum=0.0, metric="exact")
    x = torch.randn(30, 4)
    names = [name for name, _ in net.named_parameters()]
    exact = dense_fisher(net, names, x, actor_critic_heads)
    step = descend(opt, x, actor_critic_heads, exact=True)
    flat = torch.cat([step[name].flatten() for name in names])
    assert float(flat @ exact @ flat) / 2 == pytest.approx(1e-3, rel=1e-8)
    torch.testing.assert_close(step["trunk.0.weight"], -0.5 * opt.last["scale"] * direction(opt, "trunk.0"))
    torch.testing.assert_close(step["pi.weight"], -2.0 * opt.last["scale"] * direction(opt, "pi"))


def direction(opt: KFAC, name: str) -> Tensor:
    block = next(block for block in opt.blocks if block.name == name)
    inverse = opt.state[block.key]["inverse"]
    gradient = block.to_matrix([p.grad for p in block.parameters])
    return block.from_matrix(inverse["S_inv"] @ gradient @ inverse["A_inv"])[0]
