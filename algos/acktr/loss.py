"""The actor's loss: policy gradient and entropy bonus (section 2.1)."""

from __future__ import annotations

from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from torch import Tensor

from algos.acktr.heads import action_distribution
from algos.acktr.update_log import Log


def policy_loss(
    policy: ActorCriticPolicy,
    parameters: Tensor,
    batch: RolloutBufferSamples,
    ent_coef: float,
    std: float | Tensor | None = None,
) -> tuple[Tensor, Log]:
    """``-mean(A log pi(a | s)) - ent_coef * mean(H(pi(. | s)))``, 0-d, with what is logged of it.

    Args:
        policy: gives the distribution.
        parameters: action parameters ``[B, ...]`` of the batch's observations.
        batch: the rollout.
        ent_coef: weight of the entropy ``H``.
        std: standard deviation to which the advantages ``A`` are scaled, around 0; None leaves them alone.
    """
    distribution = action_distribution(policy, parameters)
    actions = batch.actions
    if isinstance(policy.action_space, spaces.Discrete):
        actions = actions.long().flatten()
    advantages = batch.advantages
    if std is not None:
        advantages = std * ((advantages - advantages.mean()) / (advantages.std() + 1e-8))
    loss = -(advantages * distribution.log_prob(actions)).mean()
    entropy = distribution.entropy()
    assert entropy is not None, "every distribution that check_policy lets through has an entropy"
    entropy_loss = -entropy.mean()
    log: Log = {"policy_loss": loss.detach(), "entropy_loss": entropy_loss.detach()}
    return loss + ent_coef * entropy_loss, log
