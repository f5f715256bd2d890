"""Curvature factors against curvlinops and against a dense Fisher."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from curvlinops import FisherType, KFACLinearOperator
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from algos.kfac import KFAC, Categorical, Gaussian, statistics
from algos.kfac.layers import LayerBlock
from algos.kfac.statistics import input_factor, score_factor
from tests.algos.kfac.conftest import (
    GaussianPolicy,
    TwoHeads,
    actor_critic_heads,
    dense_fisher,
    factors,
    gaussian_heads,
    mlp,
    observe,
    relative,
)


class Head(nn.Module):
    """One output of a network, scaled: what curvlinops can take."""

    def __init__(self, net: nn.Module, index: int, scale: Tensor | float = 1.0) -> None:
        super().__init__()
        self.net, self.index, self.scale = net, index, scale

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[self.index] * self.scale


def oracle(
    model: nn.Module, loss: nn.Module, x: Tensor, y: Tensor, *parts: str
) -> dict[str, dict[str, Tensor]]:
    """curvlinops' exact ("type 2") factors of some parts, with the bias in the homogeneous coordinate."""
    parameters = [p for name, p in model.named_parameters() if name.startswith(parts)]
    operator = KFACLinearOperator(
        model, loss, parameters, [(x, y)], fisher_type=FisherType.TYPE2, separate_weight_and_bias=False,
        check_deterministic=False,
    )  # fmt: skip
    operator.compute_kronecker_factors()
    state: dict[str, Any] = operator.state_dict()
    return {"A": state["input_covariances"], "S": state["gradient_covariances"]}


def conv_trunk() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(3, 4, (2, 3), padding="same", dilation=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 16, 6), nn.Tanh(),
    )  # fmt: skip


@pytest.mark.parametrize(("dtype", "bar"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_factors_of_a_two_headed_convolutional_network_equal_curvlinops(
    dtype: torch.dtype, bar: float
) -> None:
    torch.set_default_dtype(dtype)
    net = TwoHeads(conv_trunk(), 6, 3)
    x, n = torch.randn(7, 2, 8, 8), 7
    opt = KFAC(net)
    observe(opt, x, actor_critic_heads, exact=True)

    pi = oracle(
        Head(net, 0),
        nn.CrossEntropyLoss(reduction="sum"),
        x,
        torch.zeros(n, dtype=torch.long),
        "net.trunk",
        "net.pi",
    )
    v = oracle(Head(net, 1), nn.MSELoss(reduction="sum"), x, torch.zeros(n, 1), "net.trunk", "net.v")
    positions = {"trunk.0": 16, "trunk.2": 16, "trunk.5": 1, "pi": 1, "v": 1}
    for name, T in positions.items():
        A, S = factors(opt, name)
        of_pi = pi["S"].get(f"net.{name}") if name != "v" else None
        of_v = v["S"].get(f"net.{name}") if name != "pi" else None
        # curvlinops: A / T, and S * N T; its sum of squares has Hessian 2 I where sigma = 1 has I
        expected = sum(
            (s for s in (of_pi, None if of_v is None else of_v / 2) if s is not None), torch.zeros(())
        )
        assert relative(A, T * (v if name == "v" else pi)["A"][f"net.{name}"]) <= bar, name
        assert relative(S, expected / (n * T)) <= bar, name


def test_factors_of_a_gaussian_policy_equal_curvlinops(fp64: None) -> None:
    net = GaussianPolicy(4, 2)
    x = torch.randn(9, 4)
    opt = KFAC(net, free={"log_std": 2.0})
    observe(opt, x, gaussian_heads(net), exact=True)
    scaled = Head(net, 0, (-net.log_std.detach()).exp())
    reference = oracle(scaled, nn.MSELoss(reduction="sum"), x, torch.zeros(9, 2), "net.mean")
    for name in ("mean.0", "mean.2", "mean.4"):
        A, S = factors(opt, name)
        assert relative(A, reference["A"][f"net.{name}"]) <= 1e-12
        assert relative(S, reference["S"][f"net.{name}"] / 2 / 9) <= 1e-12


def test_blocks_of_a_deep_linear_network_equal_the_dense_fisher(fp64: None) -> None:
    net = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(4, 3))
    x = torch.randn(9, 6)
    build = lambda outputs: [Gaussian(outputs[0])]  # noqa: E731
    opt = KFAC(net)
    observe(opt, x, build, exact=True)
    for name in ("0", "1", "2"):
        A, S = factors(opt, name)
        assert (
            relative(block_of_kron(A, S), dense_fisher(net, [f"{name}.weight", f"{name}.bias"], x, build))
            <= 1e-12
        )


def test_a_hidden_layer_of_a_nonlinear_network_is_only_approximated(fp64: None) -> None:
    """So that the equalities in this file cannot hold for a trivial reason."""
    net = mlp(6, 5, 3)
    x = torch.randn(9, 6)
    build = lambda outputs: [Gaussian(outputs[0])]  # noqa: E731
    opt = KFAC(net)
    observe(opt, x, build, exact=True)
    A, S = factors(opt, "0")
    assert relative(block_of_kron(A, S), dense_fisher(net, ["0.weight", "0.bias"], x, build)) > 0.05


@pytest.mark.parametrize(("dtype", "bar"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_one_datum_gives_the_exact_block_of_every_layer(dtype: torch.dtype, bar: float) -> None:
    torch.set_default_dtype(dtype)
    net = TwoHeads(mlp(4, 6, 5), 5, 3)
    x = torch.randn(1, 4)
    opt = KFAC(net)
    observe(opt, x, actor_critic_heads, exact=True)
    for block in opt.blocks:
        A, S = factors(opt, block.name)
        dense = dense_fisher(net, [f"{block.name}.weight", f"{block.name}.bias"], x, actor_critic_heads)
        assert relative(block_of_kron(A, S), dense) <= bar


def test_a_convolution_with_a_gaussian_at_every_location_gives_the_exact_block(fp64: None) -> None:
    net = nn.Conv2d(2, 3, 3, stride=2, padding=1)
    x = torch.randn(5, 2, 6, 6)
    build = lambda outputs: [Gaussian(outputs[0])]  # noqa: E731
    opt = KFAC(net)
    observe(opt, x, build, exact=True)
    A, S = factors(opt, "")
    assert relative(block_of_kron(A, S), dense_fisher(net, ["weight", "bias"], x, build)) <= 1e-12


def test_a_linear_layer_shared_over_positions_equals_the_one_by_one_convolution(fp64: None) -> None:
    conv, linear = nn.Conv2d(4, 3, 1), nn.Linear(4, 3)
    x, g = torch.randn(5, 4, 2, 3), torch.randn(5, 3, 2, 3)
    over_positions = lambda t: t.flatten(2).mT  # noqa: E731
    a, b = LayerBlock("conv", conv), LayerBlock("linear", linear)
    torch.testing.assert_close(input_factor(a, x), input_factor(b, over_positions(x)), rtol=1e-12, atol=0)
    torch.testing.assert_close(score_factor(a, g), score_factor(b, over_positions(g)), rtol=1e-12, atol=0)


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.one_of(st.sampled_from(["same", "valid"]), st.tuples(st.integers(0, 2), st.integers(0, 2))),
    mode=st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    bias=st.booleans(),
)
def test_input_rows_times_the_weight_matrix_is_the_convolution(
    kernel: Any, stride: Any, dilation: Any, padding: Any, mode: str, bias: bool
) -> None:
    torch.manual_seed(0)
    if padding == "same":
        stride = 1
    conv = nn.Conv2d(
        2, 3, kernel, stride, padding, dilation, bias=bias, padding_mode=mode, dtype=torch.float64
    )
    block = LayerBlock("conv", conv)
    x = torch.randn(3, 2, 9, 8, dtype=torch.float64)
    y = conv(x)
    matrix = block.to_matrix([p.detach() for p in block.parameters])
    weight, offset = (matrix[:, :-1], matrix[:, -1]) if bias else (matrix, 0)
    torch.testing.assert_close(
        block.input_rows(x) @ weight.T + offset, block.grad_rows(y), rtol=1e-12, atol=1e-12
    )
    assert block.shared_positions(x) == y.shape[2] * y.shape[3]
    rows = torch.tensor([0, y[0, 0].numel(), 3 * y[0, 0].numel() - 1])
    torch.testing.assert_close(block.input_rows(x, rows), block.input_rows(x)[rows], rtol=0, atol=0)
    back = block.from_matrix(matrix)
    assert all(torch.equal(p, b) for p, b in zip(block.parameters, back, strict=True))


def test_sampled_factors_converge_to_the_exact_ones_as_one_over_the_root_of_n(fp64: None) -> None:
    net = TwoHeads(mlp(4, 6, 5), 5, 3)
    x = torch.randn(8, 4)
    exact, generator = KFAC(net), torch.Generator().manual_seed(3)
    observe(exact, x, actor_critic_heads, exact=True)

    def error(n: int) -> float:
        opt = KFAC(net)
        observe(opt, x.repeat(n, 1), actor_critic_heads, generator=generator)
        return sum(relative(factors(opt, b.name)[1], factors(exact, b.name)[1]) for b in opt.blocks) / 5

    few, many = (sum(error(n) for _ in range(50)) / 50 for n in (125, 500))
    assert many <= 0.05
    assert 0.35 < many / few < 0.7


def test_a_sample_of_patches_estimates_the_input_factor_without_bias(fp64: None) -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1)
    block, x = LayerBlock("conv", conv), torch.randn(4, 2, 6, 6)
    full, generator = input_factor(block, x), torch.Generator().manual_seed(0)
    draws = [input_factor(block, x, 20, generator) for _ in range(2000)]
    assert relative(torch.stack(draws).mean(0), full) < 0.02
    assert relative(draws[0], full) > 0.1
    assert torch.equal(input_factor(block, x, 4 * 36, generator), full)


def test_large_inputs_are_unfolded_in_chunks_with_the_same_result(
    fp64: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(7, 2, 6, 6)
    for conv in (nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3, bias=False)):
        block = LayerBlock("conv", conv)
        whole = input_factor(block, x)
        monkeypatch.setattr(statistics, "_CHUNK", 2 * 16 * 18)
        torch.testing.assert_close(input_factor(block, x), whole, rtol=1e-12, atol=1e-14)
        monkeypatch.undo()


def test_running_factors_are_the_weighted_mean_of_the_batches(fp64: None) -> None:
    net = nn.Linear(3, 2)
    opt = KFAC(net, stats_decay=0.8)
    batches = [torch.randn(5, 3) for _ in range(4)]
    for x in batches:
        observe(opt, x, lambda o: [Categorical(o[0])], exact=True)
    weights = torch.tensor([0.8**age for age in (3, 2, 1, 0)])
    block = LayerBlock("", net)
    each = torch.stack([input_factor(block, x) for x in batches])
    expected = (weights[:, None, None] * each).sum(0) / weights.sum()
    torch.testing.assert_close(factors(opt, "")[0], expected, rtol=1e-12, atol=0)


def test_mixed_precision_keeps_the_factors_in_the_parameters_precision() -> None:
    net = TwoHeads(mlp(8, 16, 16), 16, 3)
    x = torch.randn(200, 8)
    full, mixed = KFAC(net), KFAC(net)
    observe(full, x, actor_critic_heads, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        observe(
            mixed,
            x,
            lambda o: actor_critic_heads(tuple(t.float() for t in o)),
            generator=torch.Generator().manual_seed(0),
        )
    for block in full.blocks:
        for ours, theirs in zip(factors(mixed, block.name), factors(full, block.name), strict=True):
            assert ours.dtype == torch.float32
            assert relative(ours, theirs) < 2e-2


def test_a_weighted_mean_of_micro_batches_is_the_batch(fp64: None) -> None:
    net = TwoHeads(mlp(4, 6, 5), 5, 3)
    x = torch.randn(12, 4)
    whole, parts = KFAC(net), [KFAC(net) for _ in range(3)]
    observe(whole, x, actor_critic_heads, exact=True)
    for part, piece in zip(parts, x.split(4), strict=True):
        observe(part, piece, actor_critic_heads, exact=True)
    for block in whole.blocks:
        for i in (0, 1):
            mean = sum(factors(part, block.name)[i] for part in parts) / 3
            torch.testing.assert_close(mean, factors(whole, block.name)[i], rtol=1e-12, atol=1e-15)


def block_of_kron(A: Tensor, S: Tensor) -> Tensor:
    """``S kron A`` (row-major ``[W | b]``) reordered to ``[weight..., bias...]``."""
    out, d = S.shape[0], A.shape[0]
    index = torch.arange(out * d).view(out, d)
    order = torch.cat([index[:, :-1].flatten(), index[:, -1]])
    return torch.kron(S, A)[order][:, order]
