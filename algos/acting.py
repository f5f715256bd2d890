"""Acting without torch's per-call overhead: a small policy network evaluated in NumPy.

With one environment a torch policy call costs several times the environment's step. :func:`light_actor` gives
the same actions from the same parameters and the same draws of torch's generator, up to float32 rounding in
the network's output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
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
Network = Callable[[Array], Array]
Activation = Callable[[Array, Array], object]
"""Of the first, written to the second."""
Layer = tuple[nn.Linear, Activation]
"""A layer and what follows."""

MAX_PARAMETERS = 100_000
"""Above this many weights in the actor, torch's matrix products win over NumPy's lower overhead."""

REPLACED = ("forward", "extract_features", "get_distribution", "_get_action_dist_from_latent")
"""Methods of SB3's policy whose work is done here; a subclass's own may do something else."""


class LightActor(Protocol):
    """Samples actions ``[n_envs, *action shape]`` for observations ``[n_envs, *observation shape]``."""

    def __call__(self, observations: Array) -> Array: ...


def light_actor(policy: ActorCriticPolicy, n_envs: int, ahead: int = 1) -> LightActor | None:
    """An actor with the policy's parameters at its first call; None where the policy is not a small MLP.

    They are copied then: ask again after an update, as the agents do for each rollout.

    Continuous actions may have their noise drawn ``ahead`` calls at a time, which is cheaper. The draws are
    the same ones in the same order; torch's generator is then where the policy would have left it after each
    ``ahead`` calls, not between.
    """
    layers = _mlp_layers(policy)
    if layers is None:
        return None
    network = _network(layers, n_envs)
    if isinstance(policy.action_dist, DiagGaussianDistribution):
        shape = policy.action_space.shape
        assert shape is not None
        return _gaussian_actor(network, policy.log_std.detach(), (n_envs, *shape), ahead)
    return _categorical_actor(network)


def _gaussian_actor(
    network: Network, log_std: torch.Tensor, shape: tuple[int, ...], ahead: int
) -> LightActor:
    """``mean + exp(log_std) * noise``, as SB3's ``DiagGaussianDistribution.sample``."""
    noise = _scaled_noise(log_std, shape[0], ahead)

    def act(observations: Array) -> Array:
        actions = network(observations)
        np.add(next(noise), actions, actions)
        return actions.reshape(shape)

    return act


def _scaled_noise(log_std: torch.Tensor, n_envs: int, ahead: int) -> Iterator[Array]:
    std = log_std.exp().numpy()
    draws = torch.empty(ahead, n_envs, len(log_std))
    while True:
        for draw in draws:
            draw.normal_()  # each on its own: torch's draws for one large tensor are others
        yield from draws.numpy() * std


def _categorical_actor(network: Network) -> LightActor:
    """An index drawn with the softmax probabilities, as torch's ``Categorical.sample``."""

    def act(observations: Array) -> Array:
        logits = network(observations)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        drawn: Array = torch.multinomial(torch.from_numpy(probabilities), 1, True).numpy()
        return drawn[:, 0]

    return act


def _network(layers: list[Layer], n_envs: int) -> Network:
    copied: Network | None = None

    def network(observations: Array) -> Array:
        nonlocal copied
        if copied is None:
            copied = _copied_network(layers, n_envs)
        return copied(observations)

    return network


def _copied_network(layers: list[Layer], n_envs: int) -> Network:
    """One product and one activation a layer: each layer's input ends with a 1, its weights with the bias."""
    *weights, last_weight = (_weight_with_bias(module) for module, _ in layers)
    inputs = [np.ones((n_envs, module.in_features + 1), np.float32) for module, _ in layers]
    first, *hidden = (values[:, :-1] for values in inputs)
    activations = [activation for _, activation in layers[:-1]]
    steps = list(zip(inputs[:-1], weights, activations, hidden, strict=True))
    last = inputs[-1]

    def network(observations: Array) -> Array:
        first[...] = observations.reshape(first.shape)
        for values, weight, activation, output in steps:
            activation(values.dot(weight), output)
        outputs: Array = last.dot(last_weight)
        return outputs

    return network


def _mlp_layers(policy: ActorCriticPolicy) -> list[Layer] | None:
    """The actor's layers, or None if any part of it is something else than a plain small MLP."""
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
    layers: list[Layer] = []
    for module in modules:
        if module._forward_hooks or module._forward_pre_hooks:
            return None
        if type(module) is nn.Linear and module.weight.dtype == torch.float32:
            layers.append((module, np.positive))
        elif type(module) in _ACTIVATIONS and layers and layers[-1][1] is np.positive:
            layers[-1] = (layers[-1][0], _ACTIVATIONS[type(module)](module))
        else:
            return None
    return layers


def _flat(module: nn.Module | None) -> list[nn.Module]:
    return (
        list(module) if isinstance(module, nn.Sequential) else [nn.Identity() if module is None else module]
    )


def _weight_with_bias(module: nn.Linear) -> Array:
    """``[inputs + 1, outputs]``."""
    bias = torch.zeros(module.out_features) if module.bias is None else module.bias
    return torch.cat([module.weight.T, bias[None]]).detach().numpy()


def _elu(module: nn.Module) -> Activation:
    alpha = float(module.alpha)  # type: ignore[arg-type]

    def elu(x: Array, out: Array) -> None:
        out[...] = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))

    return elu


_ACTIVATIONS: dict[type[nn.Module], Callable[[nn.Module], Activation]] = {
    nn.Tanh: lambda module: np.tanh,
    nn.ReLU: lambda module: partial(np.maximum, 0),
    nn.ELU: _elu,
}
