"""Checkpoints, copies and pickles resume bit for bit."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from algos.kfac import KFAC
from tests.algos.kfac.conftest import GaussianPolicy, gaussian_heads, observe

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "cheap": {
        "stats_every": 2,
        "stats_batch": 8,
        "inverse_every": 3,
        "inverse_lag": 2,
        "inverse_background": True,
    },
    "eigen": {
        "damping_mode": "eigen",
        "momentum_order": "average_then_clip",
        "metric": "exact",
        "metric_batch": 7,
    },
    "newton": {
        "step_rule": "gauss_newton",
        "metric": "exact",
        "momentum": 0.0,
        "inverse_every": 2,
        "inverse_lag": 2,
    },
}


def make(options: dict[str, Any]) -> tuple[GaussianPolicy, KFAC]:
    torch.manual_seed(0)
    net = GaussianPolicy(5, 2)
    return net, KFAC(net, lr=1.0, free={"log_std": 2.0}, **options)


def update(opt: KFAC, generator: torch.Generator) -> None:
    net = opt.model
    x = torch.randn(20, 5, generator=generator)
    mean, value = observe(opt, x, gaussian_heads(net), generator=generator)
    opt.zero_grad()
    (mean.sum(1).mean() + value.square().mean() + net.log_std.sum()).backward()
    opt.step()


def parameters(opt: KFAC) -> Tensor:
    return torch.nn.utils.parameters_to_vector(opt.model.parameters()).detach().clone()


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("done", [0, 1, 4, 5])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(setting: str, done: int) -> None:
    net, opt = make(SETTINGS[setting])
    generator = torch.Generator().manual_seed(1)
    for _ in range(done):
        update(opt, generator)
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "rng": generator.get_state()}, file)
    for _ in range(5):
        update(opt, generator)

    file.seek(0)
    saved = torch.load(file, weights_only=True)
    other_net, other = make(SETTINGS[setting])
    other_net.load_state_dict(saved["net"])
    other.load_state_dict(saved["opt"])
    again = torch.Generator()
    again.set_state(saved["rng"])
    for _ in range(5):
        update(other, again)
    assert torch.equal(parameters(opt), parameters(other))
    assert str(opt.state_dict()["kfac"]["counters"]) == str(other.state_dict()["kfac"]["counters"])


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("how", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_and_pickles_go_on_alike_and_apart(setting: str, how: Any) -> None:
    _, opt = make(SETTINGS[setting])
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        update(opt, generator)
    other, other_generator = how((opt, generator))
    assert other.model is not opt.model
    for _ in range(3):
        update(opt, generator)
    for _ in range(3):
        update(other, other_generator)
    assert torch.equal(parameters(opt), parameters(other))


def test_a_loaded_optimizer_shares_no_tensor_that_either_changes() -> None:
    _, opt = make({})
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        update(opt, generator)
    saved = opt.state_dict()
    tensors = [t for t in tree_leaves(saved) if isinstance(t, Tensor)]
    frozen = [t.clone() for t in tensors]
    _, other = make({})
    other.load_state_dict(saved)
    for _ in range(3):
        update(other, generator)
        update(opt, generator)
    assert all(map(torch.equal, tensors, frozen))


def test_hyper_parameters_come_back_with_the_groups() -> None:
    _, opt = make({})
    opt.param_groups[0].update(lr=0.123, delta=0.5, damping=0.7)
    _, other = make({})
    other.load_state_dict(opt.state_dict())
    assert [other.param_groups[0][key] for key in ("lr", "delta", "damping")] == [0.123, 0.5, 0.7]


def test_a_foreign_state_is_refused_in_one_line() -> None:
    net, opt = make({})
    with pytest.raises(ValueError, match="no 'kfac' entry"):
        opt.load_state_dict(torch.optim.SGD(net.parameters(), lr=0.1).state_dict())
    _, eigen = make({"damping_mode": "eigen"})
    with pytest.raises(ValueError, match="damping_mode='eigen', this optimizer 'factored'"):
        opt.load_state_dict(eigen.state_dict())


def test_a_state_from_another_kind_of_device_leaves_the_generator_as_it_is() -> None:
    _, saved = make({})
    update(saved, torch.Generator().manual_seed(1))
    state = saved.state_dict()
    state["kfac"]["generator"] = torch.zeros(16, dtype=torch.uint8)  # CUDA's has 16 bytes, the CPU's 5056
    _, opt = make({"seed": 7})
    opt.load_state_dict(state)
    assert opt.state_dict()["kfac"]["updates"] == 1
    assert torch.equal(
        opt.state_dict()["kfac"]["generator"], make({"seed": 7})[1].state_dict()["kfac"]["generator"]
    )
