"""Views of an SB3 actor-critic policy that K-FAC can work on: modules from observations to output parameters.

K-FAC covers exactly the trainable parameters of the module it is given, so an actor and a critic that share
nothing are two views, and a shared network is one view with two outputs (section 3.1).
"""

from __future__ import annotations

from stable_baselines3.common.distributions import (
    BernoulliDistribution,
    CategoricalDistribution,
    DiagGaussianDistribution,
    Distribution,
    MultiCategoricalDistribution,
)
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import preprocess_obs
from torch import Tensor, nn

from algos.kfac import Bernoulli, Categorical, DiagGaussian, MultiCategorical, OutputDistribution

Observation = Tensor | dict[str, Tensor]


class _View(nn.Module):
    """Takes observations as the environment gives them; reads what of the policy it needs, not the policy."""

    features: nn.Module

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__()
        self._space, self._normalize_images = policy.observation_space, policy.normalize_images

    def extract_features(self, observations: Observation) -> Tensor:
        """Features ``[B, d]``; before, images are divided by 255 and discrete observations made one-hot."""
        preprocessed = preprocess_obs(observations, self._space, normalize_images=self._normalize_images)
        features: Tensor = self.features(preprocessed)
        return features


class ActorView(_View):
    """Observations to action parameters: mean ``[B, d]`` or logits ``[B, K]``."""

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__(policy)
        self.features = policy.pi_features_extractor
        self.latent = policy.mlp_extractor.policy_net
        self.output = policy.action_net
        if isinstance(policy.action_dist, DiagGaussianDistribution):
            self.log_std = policy.log_std

    def forward(self, observations: Observation) -> Tensor:
        """Action parameters ``[B, ...]``."""
        parameters: Tensor = self.output(self.latent(self.extract_features(observations)))
        return parameters


class CriticView(_View):
    """Observations to values ``[B, 1]``."""

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__(policy)
        self.features = policy.vf_features_extractor
        self.latent = policy.mlp_extractor.value_net
        self.output = policy.value_net

    def forward(self, observations: Observation) -> Tensor:
        """Values ``[B, 1]``."""
        values: Tensor = self.output(self.latent(self.extract_features(observations)))
        return values


class JointView(_View):
    """Observations to action parameters and values of a network with a shared trunk."""

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__(policy)
        self.features = policy.features_extractor
        self.policy_latent = policy.mlp_extractor.policy_net
        self.value_latent = policy.mlp_extractor.value_net
        self.policy_output = policy.action_net
        self.value_output = policy.value_net
        if isinstance(policy.action_dist, DiagGaussianDistribution):
            self.log_std = policy.log_std

    def forward(self, observations: Observation) -> tuple[Tensor, Tensor]:
        """Action parameters ``[B, ...]`` and values ``[B, 1]``."""
        features = self.extract_features(observations)
        parameters = self.policy_output(self.policy_latent(features))
        return parameters, self.value_output(self.value_latent(features))


def shares_parameters(policy: ActorCriticPolicy) -> bool:
    """Whether actor and critic have a trainable parameter in common."""
    actor = {id(parameter) for parameter in ActorView(policy).parameters()}
    return any(id(parameter) in actor for parameter in CriticView(policy).parameters())


def action_distribution(policy: ActorCriticPolicy, parameters: Tensor) -> Distribution:
    """SB3's distribution (log-probability, entropy) for action parameters ``[B, ...]``."""
    if isinstance(policy.action_dist, DiagGaussianDistribution):
        return policy.action_dist.proba_distribution(parameters, policy.log_std)
    return policy.action_dist.proba_distribution(parameters)


def output_distribution(policy: ActorCriticPolicy, parameters: Tensor) -> OutputDistribution:
    """K-FAC's distribution (score, Fisher, KL) for action parameters ``[B, ...]``."""
    sb3 = policy.action_dist
    if isinstance(sb3, DiagGaussianDistribution):
        return DiagGaussian(parameters, policy.log_std)
    if isinstance(sb3, CategoricalDistribution):
        return Categorical(parameters)
    if isinstance(sb3, MultiCategoricalDistribution):
        return MultiCategorical(parameters, [int(n) for n in sb3.action_dims])
    assert isinstance(sb3, BernoulliDistribution), "algos.acktr.form.check_policy lets no other through"
    return Bernoulli(parameters)
