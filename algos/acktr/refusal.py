"""Keeping NaN and infinity from the environment away from the policy's parameters.

A rollout that holds them is refused whole, before statistics, sigma or parameters have seen it. While it is
collected the policy acts as if the offending numbers were 0, so that a passing fault does not end training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from algos.acting import LightActor
from algos.device_rollouts import DeviceRolloutBuffer
from algos.kfac.host import read

Array = NDArray[Any]
LOOKED_AT = ("observations", "actions", "rewards", "returns", "advantages")


def non_finite_arrays(buffer: RolloutBuffer) -> list[str]:
    """Which of observations, actions, rewards, returns and advantages hold NaN or infinity.

    Of a rollout on an accelerator the answers come by one transfer, before the update that depends on them.
    """
    if isinstance(buffer, DeviceRolloutBuffer):
        flags = {name: getattr(buffer.columns, name).isfinite().all() for name in LOOKED_AT}
        return [name for name, finite in read(flags).items() if not finite]
    observations: Any = buffer.observations
    parts = observations if isinstance(observations, dict) else {"": observations}
    arrays = {name: [getattr(buffer, name)] for name in LOOKED_AT} | {"observations": list(parts.values())}
    return [name for name, group in arrays.items() if not all(map(_is_finite, group))]


def _is_finite(array: Array) -> bool:
    return array.dtype.kind in "biu" or bool(np.isfinite(array).all())


@contextmanager
def finite_features(policy: ActorCriticPolicy) -> Iterator[None]:
    """Inside, the policy's feature extractors see 0 for every NaN or infinity in an observation."""
    space = policy.observation_space
    parts = space.spaces.values() if isinstance(space, spaces.Dict) else [space]
    if not any(isinstance(part, spaces.Box) and part.dtype.kind == "f" for part in parts):
        yield  # whole numbers, such as images, are finite
        return
    extractors = {
        id(extractor): extractor for extractor in (policy.pi_features_extractor, policy.vf_features_extractor)
    }
    handles = [extractor.register_forward_pre_hook(_finite_input) for extractor in extractors.values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _finite_input(_: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    (observations,) = arguments
    if isinstance(observations, dict):
        return ({key: _finite(value) for key, value in observations.items()},)
    return (_finite(observations),)


def _finite(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.nan_to_num(0.0, 0.0, 0.0)


def finite_actor(act: LightActor) -> LightActor:
    """``act``, which then sees 0 for every NaN or infinity in the observations."""

    zeros: Array = np.zeros(0)

    def finite_act(observations: Array) -> Array:
        nonlocal zeros
        if zeros.size != observations.size:
            zeros = np.zeros(observations.size, observations.dtype)
        if observations.ravel().dot(zeros) != 0:  # cheaper than looking at each: NaN, infinity times 0: NaN
            observations = np.nan_to_num(observations, nan=0.0, posinf=0.0, neginf=0.0)
        return act(observations)

    return finite_act
