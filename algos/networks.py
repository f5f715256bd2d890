"""The paper's networks as Stable-Baselines3 policies (Appendix A), by name in every built-in agent.

``PaperCnnPolicy`` (A.1): convolutions and one fully connected layer shared by policy and value.
``PaperMlpPolicy`` (A.2): two separate networks, tanh for the policy and ELU for the value, and a log
standard deviation that does not depend on the state.
``PaperPixelsPolicy`` (A.2): two separate convolutional networks, ReLU for the policy and ELU for the value.
All use SB3's orthogonal initialisation (gain sqrt 2, output layers 0.01 for the policy and 1 for the value).
Their arguments are plain data for a YAML file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

ATARI_CONV_LAYERS = ((32, 8, 4), (64, 4, 2), (32, 3, 1))
PIXELS_CONV_LAYERS = ((32, 3, 2, 1), (32, 3, 2, 1))
INSTEAD = {
    "net_arch": "hidden: [64, 64], the widths of both networks",
    "activation_fn": "policy_activation and value_activation, of tanh, elu and relu",
}
"""Arguments of SB3's policies that PaperMlpPolicy does not use, and its own."""
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "elu": nn.ELU, "relu": nn.ReLU}


class ConvFeatures(BaseFeaturesExtractor):
    """Convolutions and a fully connected layer, an activation after each.

    Args:
        observation_space: images of shape ``[C, H, W]``, uint8 (SB3 hands them over divided by 255).
        features_dim: width of the fully connected layer.
        conv_layers: ``(filters, kernel size, stride)`` of each convolution, and its padding if it has one.
        activation: ``tanh``, ``elu`` or ``relu``.

    Raises:
        ValueError: the observations are no channels-first images, or an unknown activation.
    """

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: int = 512,
        conv_layers: Sequence[Sequence[int]] = ATARI_CONV_LAYERS,
        activation: str = "relu",
    ) -> None:
        super().__init__(observation_space, features_dim)
        if not is_image_space(observation_space, check_channels=False):
            raise ValueError(f"the paper's convolutions need uint8 images [C, H, W], got {observation_space}")
        function = _activation(activation)
        layers: list[nn.Module] = []
        channels = observation_space.shape[0]
        for filters, kernel_size, stride, *rest in conv_layers:
            padding = rest[0] if rest else 0
            layers += [nn.Conv2d(channels, filters, kernel_size, stride, padding), function()]
            channels = filters
        self.conv = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            n_flat = self.conv(torch.zeros(1, *observation_space.shape)).shape[1]
        self.linear = nn.Sequential(nn.Linear(n_flat, features_dim), function())

    def forward(self, observations: Tensor) -> Tensor:
        """Map ``[B, C, H, W]`` to ``[B, features_dim]``.

        On a CPU a pass with gradients works in the memory format channels-last, in which a first layer of few
        channels has a much faster backward pass; the numbers are the same up to float32 rounding.
        """
        if torch.is_grad_enabled() and observations.device.type == "cpu":
            observations = observations.contiguous(memory_format=torch.channels_last)
        features: Tensor = self.linear(self.conv(observations))
        return features


class PaperCnnPolicy(ActorCriticPolicy):
    """Actor and critic on shared convolutions (Appendix A.1).

    Args:
        observation_space: channels-first uint8 images.
        action_space: any space that SB3's actor-critic policies take.
        lr_schedule: SB3's learning-rate schedule.
        conv_layers: ``(filters, kernel size, stride)`` of each convolution, and its padding if it has one.
        features_dim: width of the fully connected layer.
        kwargs: SB3's ``ActorCriticPolicy`` arguments.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        conv_layers: Sequence[Sequence[int]] = ATARI_CONV_LAYERS,
        features_dim: int = 512,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("net_arch", [])
        kwargs.setdefault("features_extractor_class", ConvFeatures)
        kwargs.setdefault(
            "features_extractor_kwargs", {"conv_layers": conv_layers, "features_dim": features_dim}
        )
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)


class PaperPixelsPolicy(ActorCriticPolicy):
    """Separate convolutional networks for policy and value (Appendix A.2, pixels).

    Args:
        observation_space: channels-first uint8 images.
        action_space: any space that SB3's actor-critic policies take.
        lr_schedule: SB3's learning-rate schedule.
        conv_layers: ``(filters, kernel size, stride)`` of each convolution, and its padding if it has one.
        features_dim: width of the fully connected layer.
        policy_activation: ``tanh``, ``elu`` or ``relu``.
        value_activation: ``tanh``, ``elu`` or ``relu``.
        kwargs: SB3's ``ActorCriticPolicy`` arguments.

    Raises:
        ValueError: the observations are no channels-first images, or an unknown activation.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        conv_layers: Sequence[Sequence[int]] = PIXELS_CONV_LAYERS,
        features_dim: int = 256,
        policy_activation: str = "relu",
        value_activation: str = "elu",
        **kwargs: Any,
    ) -> None:
        self.value_activation = value_activation
        extractor = {
            "conv_layers": conv_layers,
            "features_dim": features_dim,
            "activation": policy_activation,
        }
        kwargs.setdefault("net_arch", [])
        kwargs.setdefault("features_extractor_class", ConvFeatures)
        kwargs.setdefault("features_extractor_kwargs", extractor)
        kwargs.setdefault("share_features_extractor", False)
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        options = {**self.features_extractor_kwargs, "activation": self.value_activation}
        self.vf_features_extractor = self.features_extractor_class(self.observation_space, **options)
        super()._build(lr_schedule)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "value_activation": self.value_activation}


class SeparateMlp(nn.Module):
    """Two multilayer perceptrons with their own activations, in the shape that SB3 expects.

    Args:
        n_features: width of the input.
        hidden: widths of the hidden layers of both networks.
        policy_activation: class of the policy's activation.
        value_activation: class of the value's activation.
    """

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        policy_activation: type[nn.Module],
        value_activation: type[nn.Module],
    ) -> None:
        super().__init__()
        self.policy_net = _mlp(n_features, hidden, policy_activation)
        self.value_net = _mlp(n_features, hidden, value_activation)
        self.latent_dim_pi = self.latent_dim_vf = hidden[-1] if hidden else n_features

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``[B, n_features]`` to both latents, ``[B, hidden[-1]]`` each."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """The policy's latent."""
        latent: Tensor = self.policy_net(features)
        return latent

    def forward_critic(self, features: Tensor) -> Tensor:
        """The value's latent."""
        latent: Tensor = self.value_net(features)
        return latent


def _activation(name: str) -> type[nn.Module]:
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; expected one of: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def _mlp(n_in: int, hidden: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(n_in, width), activation()]
        n_in = width
    return nn.Sequential(*layers)


class PaperMlpPolicy(ActorCriticPolicy):
    """Separate networks for policy and value (Appendix A.2).

    Args:
        observation_space: any space that SB3 flattens.
        action_space: any space that SB3's actor-critic policies take.
        lr_schedule: SB3's learning-rate schedule.
        hidden: widths of the hidden layers of both networks.
        policy_activation: ``tanh``, ``elu`` or ``relu``.
        value_activation: ``tanh``, ``elu`` or ``relu``.
        kwargs: SB3's ``ActorCriticPolicy`` arguments, but for ``net_arch`` and ``activation_fn``.

    Raises:
        ValueError: an unknown activation, or an argument of SB3's that those above stand for.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        hidden: Sequence[int] = (64, 64),
        policy_activation: str = "tanh",
        value_activation: str = "elu",
        **kwargs: Any,
    ) -> None:
        for name in (policy_activation, value_activation):
            _activation(name)
        for name, own in INSTEAD.items():
            if name in kwargs:
                raise ValueError(f"{name}: PaperMlpPolicy does not use it; expected {own}")
        self.hidden = tuple(hidden)
        self.policy_activation = policy_activation
        self.value_activation = value_activation
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = SeparateMlp(  # type: ignore[assignment]
            self.features_dim,
            self.hidden,
            ACTIVATIONS[self.policy_activation],
            ACTIVATIONS[self.value_activation],
        ).to(self.device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        own = {
            "hidden": self.hidden,
            "policy_activation": self.policy_activation,
            "value_activation": self.value_activation,
        }
        theirs = super()._get_constructor_parameters()
        return {**{name: theirs[name] for name in theirs if name not in INSTEAD}, **own}


PAPER_POLICIES: dict[str, type[BasePolicy]] = {
    "PaperCnnPolicy": PaperCnnPolicy,
    "PaperMlpPolicy": PaperMlpPolicy,
    "PaperPixelsPolicy": PaperPixelsPolicy,
}
