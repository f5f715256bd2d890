"""Acting without torch's per-call overhead: a small policy network evaluated in NumPy.

With one environment a torch policy call costs several times the environment's step. :func:`light_actor` gives
the same actions from the same parameters and the same draws of torch's generator, up to float32 rounding in
the network's output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.distributions import CategoricalDistribution, DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor
from torch import nn

from algos.networks import SeparateMlp

Array = NDArray[Any]
Layer = Callable[[Array], Array]

MAX_PARAMETERS = 100_000
"""Above this many weights in the actor, torch's matrix products win over NumPy's lower overhead."""

REPLACED = ("forward", "extract_features", "get_distribution", "_get_action_dist_from_latent")
"""Methods of SB3's policy whose work is done here; a subclass's own may do something else."""


class LightActor(Protocol):
    """Samples actions ``[n_envs, *action shape]`` for observations ``[n_envs, *observation shape]``."""

    def __call__(self, observations: Array) -> Array: ...


def light_actor(policy: ActorCriticPolicy, n_envs: int, ahead: int = 1) -> LightActor | None:
    """An actor that reads the policy's parameters where they lie; None where the policy is not a small MLP.

    The parameters are views: an in-place update of the policy shows at the next call. Ask again after a
    parameter tensor was replaced, as ``load_state_dict(assign=True)`` or a move between devices does.

    Continuous actions may have their noise drawn ``ahead`` calls at a time, which is cheaper. The draws are
    the same ones in the same order; torch's generator is then where the policy would have left it after each
    ``ahead`` calls, not between.
    """
    layers = _mlp_layers(policy)
    if layers is None:
        return None
    if isinstance(policy.action_dist, DiagGaussianDistribution):
        shape = policy.action_space.shape
        assert shape is not None
        return _GaussianActor(layers, policy.log_std.detach(), (n_envs, *shape), ahead)
    return _CategoricalActor(layers)


class _GaussianActor:
    """``mean + exp(log_std) * noise``, as SB3's ``DiagGaussianDistribution.sample``."""

    def __init__(
        self, layers: list[Layer], log_std: torch.Tensor, shape: tuple[int, ...], ahead: int
    ) -> None:
        self._layers = layers
        self._shape = shape
        self._std = log_std.exp().numpy()
        self._draws = torch.empty(ahead, shape[0], len(log_std))
        self._noise: Iterator[Array] = iter(())

    def __call__(self, observations: Array) -> Array:
        noise = next(self._noise, None)
        if noise is None:
            noise = self._draw()
        actions: Array = np.add(noise, _forward(self._layers, observations))
        return actions.reshape(self._shape)

    def _draw(self) -> Array:
        for draw in self._draws:
            draw.normal_()  # each on its own: torch's draws for one large tensor are others
        self._noise = iter(self._draws.numpy() * self._std)
        return next(self._noise)


class _CategoricalActor:
    """An index drawn with the softmax probabilities, as torch's ``Categorical.sample``."""

    def __init__(self, layers: list[Layer]) -> None:
        self._layers = layers

    def __call__(self, observations: Array) -> Array:
        logits = _forward(self._layers, observations)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        drawn: Array = torch.multinomial(torch.from_numpy(probabilities), 1, True).numpy()
        return drawn[:, 0]


def _forward(layers: list[Layer], observations: Array) -> Array:
    hidden = observations if observations.ndim == 2 else observations.reshape(len(observations), -1)
    if hidden.dtype != np.float32:
        hidden = hidden.astype(np.float32)
    for layer in layers:
        hidden = layer(hidden)
    return hidden


def _mlp_layers(policy: ActorCriticPolicy) -> list[Layer] | None:
    """The actor as NumPy functions, or None if any part of it is something else than a plain small MLP."""
    space = policy.observation_space
    plain = (
        policy.device.type == "cpu"
        and all(getattr(type(policy), name) is getattr(ActorCriticPolicy, name) for name in REPLACED)
        and type(policy.mlp_extractor) in (MlpExtractor, SeparateMlp)  # latents are policy_net's and no more
        and type(policy.action_dist) in (DiagGaussianDistribution, CategoricalDistribution)
        and type(policy.pi_features_extractor) is FlattenExtractor
        and isinstance(space, spaces.Box)
        and not is_image_space(space)
    )
    modules = [*_flat(getattr(policy.mlp_extractor, "policy_net", None)), policy.action_net]
    if not plain or sum(p.numel() for module in modules for p in module.parameters()) > MAX_PARAMETERS:
        return None
    layers = [_numpy_layer(module) for module in modules]
    return [layer for layer in layers if layer] if all(layers) else None


def _flat(module: nn.Module | None) -> list[nn.Module]:
    return (
        list(module) if isinstance(module, nn.Sequential) else [nn.Identity() if module is None else module]
    )


def _numpy_layer(module: nn.Module) -> Layer | None:
    if module._forward_hooks or module._forward_pre_hooks:
        return None
    if type(module) is nn.Linear and module.weight.dtype == torch.float32:
        return _linear(module)
    activation = _ACTIVATIONS.get(type(module))
    return activation(module) if activation else None


def _linear(module: nn.Linear) -> Layer:
    weight = module.weight.detach().numpy().T
    bias = module.bias.detach().numpy() if module.bias is not None else np.zeros(1, np.float32)

    def layer(hidden: Array) -> Array:
        product: Array = hidden.dot(weight)
        np.add(product, bias, product)
        return product

    return layer


def _elu(module: nn.Module) -> Layer:
    alpha = float(module.alpha)  # type: ignore[arg-type]
    return lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


_ACTIVATIONS: dict[type[nn.Module], Callable[[nn.Module], Layer]] = {
    nn.Tanh: lambda module: lambda x: np.tanh(x, x),
    nn.ReLU: lambda module: lambda x: np.maximum(x, 0, out=x),
    nn.ELU: _elu,
}
