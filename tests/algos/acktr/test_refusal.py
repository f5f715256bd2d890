"""NaN and infinity from the environment never reach ACKTR's parameters, statistics or sigma."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from algos.acktr import ACKTR
from algos.errors import RefusedUpdates

VECTOR = spaces.Box(-1, 1, (5,), np.float32)
DICT = spaces.Dict({"a": VECTOR, "b": spaces.Discrete(3)})
TORQUES = spaces.Box(-1, 1, (2,), np.float32)
BATCH = 2 * 8
NAN, INF = float("nan"), float("inf")


def agent(env: Any, policy: str = "MlpPolicy", **kwargs: Any) -> ACKTR:
    return ACKTR(policy, env, n_steps=8, seed=0, device="cpu", **kwargs)


def set_fault(env: Any, fault: tuple[str, float] | None) -> None:
    for toy in env.envs:
        toy.unwrapped.fault = fault


def one_update(model: ACKTR) -> None:
    model.learn(BATCH, reset_num_timesteps=False)


@pytest.mark.parametrize(
    "fault", [("observation", NAN), ("observation", -INF), ("reward", NAN), ("reward", 3e38)]
)
@pytest.mark.parametrize(
    ("observation_space", "action_space", "policy"),
    [
        (VECTOR, TORQUES, "MlpPolicy"),
        (VECTOR, spaces.Discrete(3), "MlpPolicy"),
        (VECTOR, spaces.MultiBinary(3), "MlpPolicy"),
        (DICT, spaces.Discrete(3), "MultiInputPolicy"),
    ],
    ids=["box", "discrete", "multi-binary", "dict"],
)
def test_a_refused_update_changes_nothing(
    make_toy: Any,
    recorded: Any,
    same_state: Any,
    observation_space: Any,
    action_space: Any,
    policy: str,
    fault: tuple[str, float],
) -> None:
    env = make_toy(observation_space, action_space)
    model = agent(env, policy, critic_sigma="adaptive")
    one_update(model)
    before = copy.deepcopy(model.get_parameters())
    log = recorded(model)
    set_fault(env, fault)
    one_update(model)
    assert same_state(model.get_parameters(), before)
    assert log["train/refused_updates"] == [1]
    assert {key for key in log if key.startswith("train/")} == {"train/refused_updates", "train/n_updates"}
    assert model._n_updates == 1

    set_fault(env, None)
    one_update(model)  # its first observation may still be the fault's
    one_update(model)
    assert model.refused_in_a_row == 0
    assert log["train/refused_updates"][-1] == model.refused_updates
    after = model.get_parameters()
    assert not same_state(after, before)
    assert all(torch.isfinite(parameter).all() for parameter in after["policy"].values())


def test_training_ends_after_so_many_refusals_in_a_row(make_toy: Any) -> None:
    env = make_toy(VECTOR, TORQUES)
    model = agent(env, max_refused=3)
    one_update(model)
    set_fault(env, ("reward", NAN))
    one_update(model)
    one_update(model)
    set_fault(env, None)
    one_update(model)
    assert (model.refused_updates, model.refused_in_a_row) == (2, 0)
    set_fault(env, ("reward", NAN))
    with pytest.raises(
        RefusedUpdates,
        match=f"3 updates in a row refused: NaN or infinity in the rewards and returns and advantages of the "
        f"rollout that ends at timestep {7 * BATCH}",
    ):
        model.learn(10 * BATCH, reset_num_timesteps=False)
    assert model.refused_updates == 5


def test_images_are_not_searched_for_nan(make_toy: Any) -> None:
    image = spaces.Box(0, 255, (4, 36, 36), np.uint8)
    model = agent(
        make_toy(image, spaces.Discrete(3)),
        "PaperCnnPolicy",
        policy_kwargs={"conv_layers": [[4, 8, 4]], "features_dim": 8},
    )
    seen: list[int] = []
    model.policy.features_extractor.register_forward_pre_hook(
        lambda module, arguments: seen.append(len(module._forward_pre_hooks))
    )
    one_update(model)
    assert set(seen) == {1}  # this test's own
