"""Networks and dense references for the K-FAC tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev

from algos.kfac import KFAC, Categorical, DiagGaussian, Gaussian, OutputDistribution

Build = Callable[[tuple[Tensor, ...]], list[OutputDistribution]]


class TwoHeads(nn.Module):
    """A trunk with a policy head and a value head."""

    def __init__(self, trunk: nn.Module, width: int, actions: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.pi = nn.Linear(width, actions)
        self.v = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.trunk(x)
        return self.pi(z), self.v(z)


class GaussianPolicy(nn.Module):
    """Mean network with a state-independent log-std, the critic beside it."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__()
        self.mean = mlp(d_in, 16, 16, d_out)
        self.value = mlp(d_in, 16, 1)
        self.log_std = nn.Parameter(torch.linspace(-0.5, 0.3, d_out))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(x), self.value(x)


def mlp(*widths: int, activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    layers: list[nn.Module] = []
    for d_in, d_out in pairwise(widths):
        layers += [nn.Linear(d_in, d_out), activation()]
    return nn.Sequential(*layers[:-1])


def atari_network(actions: int = 6) -> TwoHeads:
    """The paper's network (appendix A.1): 32 filters in the third convolution."""
    convolutions = [nn.Conv2d(4, 32, 8, 4), nn.Conv2d(32, 64, 4, 2), nn.Conv2d(64, 32, 3, 1)]
    layers = [layer for conv in convolutions for layer in (conv, nn.ReLU())]
    trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 7 * 7, 512), nn.ReLU())
    net = TwoHeads(trunk, 512, actions)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(module.weight, 2**0.5)
            nn.init.zeros_(module.bias)
    nn.init.orthogonal_(net.pi.weight, 0.3)
    return net


def actor_critic_heads(outputs: tuple[Tensor, ...]) -> list[OutputDistribution]:
    return [Categorical(outputs[0]), Gaussian(outputs[1])]


def gaussian_heads(net: GaussianPolicy) -> Build:
    return lambda outputs: [DiagGaussian(outputs[0], net.log_std), Gaussian(outputs[1])]


def observe(opt: KFAC, x: Tensor, build: Build, **options: object) -> tuple[Tensor, ...]:
    """One record and one observation; returns the outputs."""
    with opt.record():
        outputs = opt.model(x)
    outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
    opt.observe(outputs, distributions=build(outputs), **options)
    return outputs


def factors(opt: KFAC, name: str) -> tuple[Tensor, Tensor]:
    block = next(block for block in opt.blocks if block.name == name)
    state = opt.state[block.key]
    return state["A"], state["S"]


def dense_fisher(model: nn.Module, names: Sequence[str], x: Tensor, build: Build) -> Tensor:
    """Exact Fisher of the named parameters, ``[P, P]``, by per-example Jacobians and score columns."""
    parameters = {name: model.get_parameter(name).detach() for name in names}

    def outputs(p: dict[str, Tensor]) -> tuple[Tensor, ...]:
        out = functional_call(model, p, (x,))
        return (out,) if isinstance(out, Tensor) else out

    jacobians = jacrev(outputs)(parameters)
    total = torch.zeros(())
    for head, jacobian in zip(build(outputs(parameters)), jacobians, strict=True):
        J = torch.cat([jacobian[name].flatten(head.output.dim()) for name in names], dim=-1)
        J = J.flatten(1, -2)  # [N, K, P]
        C = head.score_columns().flatten(2)  # [C, N, K]
        rows = torch.einsum("cnk,nkp->cnp", C, J).flatten(0, 1)
        total = total + rows.T @ rows / J.shape[0]
    return total


def relative(a: Tensor, b: Tensor) -> float:
    """Relative distance in the Frobenius norm."""
    return float(((a - b).norm() / b.norm()).detach())


@pytest.fixture(autouse=True)
def _deterministic() -> Iterator[None]:
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)


@pytest.fixture
def fp64() -> None:
    torch.set_default_dtype(torch.float64)
