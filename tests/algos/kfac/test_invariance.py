"""What natural gradient is for: one-step least squares, and indifference to the parameterisation."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from algos.kfac import KFAC, Gaussian
from tests.algos.kfac.conftest import TwoHeads, mlp, relative


@pytest.mark.parametrize(("dtype", "bar"), [(torch.float64, 1e-8), (torch.float32, 1e-4)])
@pytest.mark.parametrize("mode", ["factored", "eigen"])
def test_one_step_solves_least_squares(dtype: torch.dtype, bar: float, mode: str) -> None:
    torch.set_default_dtype(dtype)
    net = nn.Linear(6, 2)
    x, y = torch.randn(40, 6), torch.randn(40, 2)
    opt = KFAC(net, lr=1.0, delta=1e9, momentum=0.0, damping=0.0, damping_mode=mode)  # type: ignore[arg-type]
    with opt.record():
        out = net(x)
    opt.observe(out, distributions=[Gaussian(out)], exact=True)
    (0.5 * (out - y).square().sum(1).mean()).backward()
    opt.step()
    ones = torch.cat([x, torch.ones(40, 1)], 1)
    solution = torch.linalg.lstsq(ones.double(), y.double()).solution.T
    found = torch.cat([net.weight, net.bias[:, None]], 1).detach()
    assert relative(found.double(), solution) <= bar


def train(net: TwoHeads, x: Tensor, targets: Tensor, damping: float) -> Tensor:
    """Three momentum steps; returns the outputs they lead to."""
    opt = KFAC(net, lr=0.5, delta=1e-2, damping=damping, stats_decay=0.9)
    generator = torch.Generator().manual_seed(5)
    for _ in range(3):
        with opt.record():
            outputs = net(x)
        # two Gaussians: the Fisher of a softmax is singular, and nothing damps it here
        opt.observe(outputs, distributions=[Gaussian(outputs[0]), Gaussian(outputs[1])], generator=generator)
        loss = 0.5 * (outputs[1] - targets).square().mean() - outputs[0].log_softmax(-1)[:, 0].mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return torch.cat(net(x), 1).detach()


@pytest.mark.parametrize(("damping", "invariant"), [(0.0, True), (1e-2, False)])
def test_affine_reparameterisation_of_the_input_changes_nothing_without_damping(
    damping: float, invariant: bool, fp64: None
) -> None:
    """Martens & Grosse 2015, theorem 1; damping breaks it, so the test can see a difference."""
    net = TwoHeads(mlp(5, 4), 4, 3)
    x, y = torch.randn(200, 5), torch.randn(200, 1)
    T, c = torch.randn(5, 5) + 2 * torch.eye(5), torch.randn(5)
    other = copy.deepcopy(net)
    first = other.trunk[0]
    with torch.no_grad():  # the same function of x' = T x + c
        first.weight.copy_(torch.linalg.solve(T.T, first.weight.T).T)
        first.bias.sub_(first.weight @ c)
    moved = x @ T.T + c
    torch.testing.assert_close(torch.cat(other(moved), 1), torch.cat(net(x), 1))
    start = torch.cat(net(x), 1).detach()
    ours, theirs = train(net, x, y, damping), train(other, moved, y, damping)
    difference = relative(theirs - start, ours - start)
    assert difference <= 1e-9 if invariant else difference > 1e-2
