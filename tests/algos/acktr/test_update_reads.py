"""An update of ACKTR waits for the device once, when it is over; what it decides before, it decides there."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from algos.acktr import ACKTR
from algos.acktr.critic import FIRST_ORDER
from algos.acktr.guarded_step import step_if
from algos.errors import RefusedUpdates
from algos.kfac.errors import NonFiniteError
from algos.validation import unvalidated
from tests.algos.host_reads import HostReads, reads_that_wait
from tests.algos.test_device_rollouts import rollout

VECTOR = spaces.Box(-1, 1, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (4, 36, 36), np.uint8)
TORQUES = spaces.Box(-1, 1, (2,), np.float32)
CNN = {"conv_layers": [[4, 8, 4], [8, 4, 2]], "features_dim": 16}
STEPS = 8
BATCH = 2 * STEPS

TUNED = {
    "normalize_advantage": True,
    "adaptive_delta": True,
    "critic_sigma": "adaptive",
    "target_kl": 1e-3,
    "kfac_kwargs": {"metric": "exact", "momentum_order": "average_then_clip"},
    "critic_kwargs": {
        "n_updates": 3,
        "step_rule": "gauss_newton",
        "kfac_kwargs": {"metric": "exact", "metric_batch": 4, "stats_every": 3, "inverse_every": 3},
    },
}
SAMPLED = {"kfac_kwargs": {"metric": "damped", "stats_batch": 8, "stats_patches": 20, "stats_every": 2}}
FORMS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "tuned": (VECTOR, TORQUES, TUNED),
    "discrete": (VECTOR, spaces.Discrete(3), {"kl_interval": 1}),
    "multi-discrete": (VECTOR, spaces.MultiDiscrete([2, 3]), {}),
    "multi-binary": (VECTOR, spaces.MultiBinary(3), {}),
    "euclidean": (VECTOR, TORQUES, {"critic_kwargs": {"norm": "euclidean"}}),
    "joint": (IMAGE, spaces.Discrete(3), {"policy_kwargs": CNN, **SAMPLED}),
}
EIGEN = {"damping_mode": "eigen", "metric": "damped", "inverse_every": 40}


def of_form(make_toy: Any, form: str, device: str = "cpu") -> ACKTR:
    observation_space, action_space, kwargs = FORMS[form]
    policy = "PaperCnnPolicy" if observation_space is IMAGE else "MlpPolicy"
    env = make_toy(observation_space, action_space)
    model = ACKTR(policy, env, n_steps=STEPS, seed=0, device=device, **copy.deepcopy(kwargs))
    return model.learn(3 * BATCH)


@pytest.fixture
def waiting() -> Iterator[None]:
    with reads_that_wait():
        yield


@pytest.mark.parametrize("form", FORMS)
def test_it_reads_what_it_logs_at_once_and_nothing_before(make_toy: Any, waiting: None, form: str) -> None:
    model = of_form(make_toy, form)
    rollout(model)
    with HostReads() as reads:
        model.train()
    assert reads.seen == ["tolist", "tolist"]  # whether the rollout is finite, before; what is logged, after
    rollout(model)
    batch = next(model.rollout_buffer.get(None))
    with HostReads() as reads, unvalidated(model.device):
        log = model._update(batch)
    assert reads.seen == []
    with HostReads() as reads:
        model._conclude(log)
    assert reads.seen == ["tolist"]


def test_where_reads_are_free_an_update_makes_more_of_them(make_toy: Any) -> None:
    model = of_form(make_toy, "tuned")
    rollout(model)
    with HostReads() as reads:
        model.train()
    assert len(reads.seen) > 10


def test_eigenbases_wait_when_they_are_computed_and_not_between(make_toy: Any, waiting: None) -> None:
    env = make_toy(VECTOR, spaces.Discrete(3))
    critic = {"norm": "euclidean"}
    model = ACKTR("MlpPolicy", env, n_steps=STEPS, device="cpu", kfac_kwargs=EIGEN, critic_kwargs=critic)
    seen = []
    for _ in range(4):
        rollout(model)
        with HostReads() as reads, unvalidated(model.device):
            log = model._update(next(model.rollout_buffer.get(None)))
        model._conclude(log)
        seen.append(reads.seen)
    at_a_refresh = ["_linalg_eigh"] * 2 * 3  # of A and S of three layers, at steps 0, 1, 2, 4, 8...
    assert seen == [at_a_refresh, at_a_refresh, at_a_refresh, []]


def test_a_rollout_with_nan_is_refused_there_too(make_toy: Any, same_state: Any, waiting: None) -> None:
    env = make_toy(VECTOR, TORQUES)
    model = ACKTR("MlpPolicy", env, n_steps=STEPS, device="cpu", max_refused=2).learn(BATCH)
    before = copy.deepcopy(model.get_parameters())
    for toy in env.envs:
        toy.unwrapped.fault = ("observation", float("nan"))
    model.learn(BATCH, reset_num_timesteps=False)
    assert model.refused_updates == 1
    assert same_state(model.get_parameters(), before)
    with pytest.raises(RefusedUpdates, match="NaN or infinity in the observations of the rollout"):
        model.learn(BATCH, reset_num_timesteps=False)


def test_an_output_that_overflows_is_named_when_the_update_is_over(make_toy: Any, waiting: None) -> None:
    """And nothing of it has reached the actor, whose parameters and statistics are as before."""
    model = of_form(make_toy, "discrete")
    rollout(model)
    with torch.no_grad():
        model.policy.action_net.bias[0] = float("nan")
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    optimizer: Any = model.policy.optimizer
    factors = [optimizer.state[block.key]["A"].clone() for block in optimizer.blocks]
    with pytest.raises(NonFiniteError, match="output 0 has a NaN or infinite value"):
        model.train()
    actor = {id(parameter) for parameter in optimizer.model.parameters()}
    for old, new in zip(before, model.policy.parameters(), strict=True):
        assert id(new) not in actor or torch.equal(old.nan_to_num(7.0), new.nan_to_num(7.0))
    assert all(
        torch.equal(old, optimizer.state[block.key]["A"])
        for old, block in zip(factors, optimizer.blocks, strict=True)
    )


@pytest.mark.parametrize("name", FIRST_ORDER)
@pytest.mark.parametrize("n_before", [0, 2])
def test_a_step_is_taken_where_it_is_sound_and_leaves_no_trace_elsewhere(name: str, n_before: int) -> None:
    def steps(flags: list[bool]) -> tuple[list[torch.Tensor], list[int]]:
        parameter = torch.nn.Parameter(torch.ones(3))
        optimizer = FIRST_ORDER[name]([parameter], 0.1)
        missed = []
        for i, sound in enumerate(flags):
            parameter.grad = torch.full((3,), float(i + 1) if sound else float("nan"))
            missed.append(int(step_if(torch.tensor(sound), optimizer)))
        state = optimizer.state.get(parameter, {})
        return [parameter.detach(), *(v for k, v in state.items() if k != "step")], missed

    flags = [True] * n_before + [False]
    expected, skipped = steps(flags)
    with reads_that_wait():
        found, counted = steps(flags)
        everywhere = steps([*flags, True])
    assert counted == skipped == [0] * n_before + [1]
    assert all(tensor.isfinite().all() for tensor in [*found, *everywhere[0]])
    if n_before:
        assert all(map(torch.equal, found, expected))
    else:
        assert torch.equal(found[0], torch.ones(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("form", FORMS)
def test_on_cuda_an_update_does_not_synchronise(make_toy: Any, form: str) -> None:
    model = of_form(make_toy, form, device="cuda")
    rollout(model)
    batch = next(model.rollout_buffer.get(None))
    torch.cuda.set_sync_debug_mode("error")
    try:
        with unvalidated(model.device):
            log = model._update(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    model._conclude(log)
