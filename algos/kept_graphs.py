"""One forward pass per timestep: the graphs of acting, kept for the one update that follows.

An agent acts, then runs the same network with the same parameters on the same observations again, for
gradients. With the graphs of the first pass kept, the second is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import NatureCNN
from torch import Tensor, nn

from algos.networks import ConvFeatures

MIN_ENVS = 8
"""Observations per pass from which graphs are kept: with few, a backward pass in many pieces costs more.

``harness bench train`` measures 16; where between 1 and 16 it begins to pay was not measured.
"""

KNOWN = ("torch", "stable_baselines3", "algos")
"""Packages of modules that compute the same in training and evaluation mode, but for those of `MODAL`."""

MODAL = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._NormBase)


def can_keep_graphs(policy: ActorCriticPolicy, n_envs: int) -> bool:
    """Whether acting on ``n_envs`` images at a time runs what the update runs, and keeping it is faster."""
    space = policy.observation_space
    return (
        n_envs >= MIN_ENVS
        and policy.device.type == "cpu"
        and type(policy).forward is ActorCriticPolicy.forward
        and type(policy).evaluate_actions is ActorCriticPolicy.evaluate_actions
        and type(policy).extract_features is ActorCriticPolicy.extract_features
        and policy.share_features_extractor
        and type(policy.features_extractor) in (ConvFeatures, NatureCNN)
        and not policy.use_sde
        # A graph of bytes has its own copy, as floats, of what an environment may overwrite.
        and space.dtype == np.uint8
        and all(type(module).__module__.split(".")[0] in KNOWN for module in policy.modules())
        and not any(isinstance(module, MODAL) for module in policy.modules())
    )


class KeptGraphs:
    """What the convolutions of one rollout gave, ``[n_envs, d]`` a timestep, with what autograd needs of it.

    The fully connected layer that reads it is run again: its gradient in one piece costs less than in many.

    Args:
        policy: acts in the rollout and is updated after it; one that `can_keep_graphs` lets through.
    """

    def __init__(self, policy: ActorCriticPolicy) -> None:
        self._policy = policy
        self._extractor: nn.Module = policy.features_extractor
        self._linear = cast(nn.Sequential, policy.features_extractor.linear)
        self._hidden: list[Tensor] = []
        self._parameters = self._parameter_versions()

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Inside, each call of the policy keeps its graph."""
        with _shadowed(self._policy, "forward", self._act):
            yield

    @contextmanager
    def replayed(self, n_samples: int, owner: nn.Module) -> Iterator[None]:
        """Inside, ``owner.extract_features`` gives the rollout's features, time first, whatever it is given.

        Where what was kept is not of `n_samples` timesteps under the parameters of now, it runs as ever.

        Args:
            n_samples: timesteps of the rollout, over all environments.
            owner: the policy, or a view of it that has this method too.
        """
        kept = sum(map(len, self._hidden))
        sound = kept == n_samples and self._parameters == self._parameter_versions()
        with _shadowed(owner, "extract_features", self._features) if sound else nullcontext():
            yield

    def _act(self, *args: Any, **kwargs: Any) -> Any:
        with _shadowed(self._policy, "extract_features", self._extract):
            return type(self._policy).forward(self._policy, *args, **kwargs)

    def _extract(self, observations: Tensor) -> Tensor:
        # The layout that convolutions with gradients are fastest in costs least while pixels are bytes.
        images = observations.contiguous(memory_format=torch.channels_last).float()
        if self._policy.normalize_images:
            images.div_(255.0)
        with torch.enable_grad(), _shadowed(self._linear, "forward", self._keep):
            features: Tensor = self._extractor(images)
        return features

    def _keep(self, hidden: Tensor) -> Tensor:
        self._hidden.append(hidden)
        with torch.no_grad():
            features: Tensor = type(self._linear).forward(self._linear, hidden)  # type: ignore[no-untyped-call]
        return features

    def _features(self, observations: Any) -> Tensor:
        features: Tensor = self._linear(torch.cat(self._hidden))
        return features

    def _parameter_versions(self) -> list[tuple[int, int]]:
        return [(id(parameter), parameter._version) for parameter in self._policy.parameters()]


@contextmanager
def _shadowed(module: nn.Module, name: str, method: Any) -> Iterator[None]:
    module.__dict__[name] = method
    try:
        yield
    finally:
        del module.__dict__[name]
