"""The two orders of momentum and trust region."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from algos.kfac import KFAC, Gaussian
from tests.algos.kfac.conftest import observe


def frozen(**options: Any) -> tuple[KFAC, nn.Linear]:
    """An optimizer whose factors were observed once and stay as they are."""
    net = nn.Linear(5, 4)
    opt = KFAC(net, **options)
    observe(opt, torch.randn(40, 5), lambda o: [Gaussian(o[0])], exact=True)
    return opt, net


def kl_of(opt: KFAC, net: nn.Linear, gradient: torch.Tensor) -> float:
    """Half of the quadratic form of the step that follows from `gradient`."""
    before = opt.blocks[0].to_matrix([p.detach().clone() for p in net.parameters()])
    net.weight.grad, net.bias.grad = gradient[:, :-1].clone(), gradient[:, -1].clone()
    opt.step()
    step = opt.blocks[0].to_matrix([p.detach() for p in net.parameters()]) - before
    state = opt.state[net.weight]
    return float((step * (state["S"] @ step @ state["A"])).sum()) / 2


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("order", ["clip_then_average", "average_then_clip"])
def test_momentum_never_leaves_the_region(aligned: bool, order: Any, fp64: None) -> None:
    """F fixed, 50 steps, gradients over four decades: a convex combination of clipped steps stays inside."""
    opt, net = frozen(lr=0.7, delta=1e-3, momentum_order=order)
    base = torch.randn(4, 6)
    largest = 0.0
    for scale in torch.logspace(-3, 1, 50)[torch.randperm(50)]:
        largest = max(largest, kl_of(opt, net, scale * (base if aligned else torch.randn(4, 6))))
    assert largest <= 1e-3 * (1 + 1e-6)
    assert largest > 1e-5


def test_clip_then_average_is_the_running_mean_of_clipped_steps(fp64: None) -> None:
    opt, net = frozen(lr=1.0, momentum=0.8)
    plain, other = frozen(lr=1.0, momentum=0.0)
    plain.state[other.weight].update(opt.state[net.weight])
    other.load_state_dict(net.state_dict())
    buffer = torch.zeros(4, 6)
    for _ in range(5):
        g = torch.randn(4, 6)
        steps = []
        for o, m in ((opt, net), (plain, other)):
            before = o.blocks[0].to_matrix([p.detach().clone() for p in m.parameters()])
            kl_of(o, m, g)
            steps.append(o.blocks[0].to_matrix([p.detach() for p in m.parameters()]) - before)
        buffer = 0.8 * buffer + 0.2 * steps[1]
        torch.testing.assert_close(steps[0], buffer, rtol=1e-10, atol=1e-15)


def test_average_then_clip_takes_the_full_radius_on_constant_gradients(fp64: None) -> None:
    """The averaged direction is rescaled to the radius from the first step; averaged steps warm up."""
    g = torch.randn(4, 6) * 10
    late, _ = frozen(momentum_order="average_then_clip", lr=5.0)
    early, _ = frozen(momentum_order="clip_then_average", lr=5.0)
    assert kl_of(late, late.model, g) == pytest.approx(1e-3, rel=1e-9)
    assert kl_of(early, early.model, g) == pytest.approx(1e-3 * 0.1**2, rel=1e-9)
    assert kl_of(early, early.model, g) == pytest.approx(1e-3 * 0.19**2, rel=1e-9)


def test_momentum_zero_keeps_no_buffer(fp64: None) -> None:
    opt, net = frozen(momentum=0.0)
    kl_of(opt, net, torch.randn(4, 6))
    assert "momentum_buffer" not in opt.state[net.weight]
