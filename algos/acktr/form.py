"""Which forms of ACKTR a policy and its options make, and what cannot be made.

Joint: actor and critic share parameters and are updated together. Apart: the critic is updated on its own,
either since it shares nothing with the actor or since its norm is Euclidean (section 5.3).
"""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.policies import ActorCriticPolicy

from algos.acktr.heads import ActorView, CriticView, shares_parameters
from algos.device_rollouts import PLAIN_DISTRIBUTIONS
from algos.hyperparameters import ACKTR, EUCLIDEAN_ONLY, GAUSS_NEWTON_ONLY, CriticOptions
from algos.options import changed

REFUSED_POLICY_KWARGS = {
    "optimizer_class": "ACKTR's optimizer is K-FAC",
    "optimizer_kwargs": "ACKTR's optimizer is K-FAC, its options are kfac_kwargs",
    **dict.fromkeys(("use_sde", "full_std", "use_expln", "squash_output"), "gSDE is not supported"),
}


def check_policy_kwargs(policy_class: type[Any], policy_kwargs: dict[str, Any]) -> None:
    """Refuse a policy class or arguments that ACKTR cannot work with, before the policy is built.

    Raises:
        ValueError: naming the class or the argument.
    """
    if not issubclass(policy_class, ActorCriticPolicy):
        raise ValueError(
            f"policy: ACKTR needs a subclass of SB3's ActorCriticPolicy, got {policy_class.__name__}"
        )
    for name, reason in REFUSED_POLICY_KWARGS.items():
        if name in policy_kwargs:
            raise ValueError(f"policy_kwargs.{name}: {reason}; remove it")


def check_policy(policy: ActorCriticPolicy) -> None:
    """Refuse a policy whose Fisher matrix ACKTR cannot form.

    Raises:
        ValueError: the action distribution is none of SB3's four plain ones, or a trainable parameter lies
            outside the path from observations to actions and values (a recurrent policy).
    """
    name, distribution = type(policy).__name__, policy.action_dist
    if type(distribution) not in PLAIN_DISTRIBUTIONS:
        raise ValueError(
            f"policy: ACKTR has no Fisher matrix for the {type(distribution).__name__} of {name}; expected "
            f"one of {', '.join(known.__name__ for known in PLAIN_DISTRIBUTIONS)}"
        )
    for attribute in ("policy_net", "value_net"):
        if not hasattr(policy.mlp_extractor, attribute):
            raise ValueError(f"policy: the mlp_extractor of {name} has no {attribute}, which ACKTR needs")
    seen = {id(p) for view in (ActorView(policy), CriticView(policy)) for p in view.parameters()}
    unseen = [key for key, p in policy.named_parameters() if p.requires_grad and id(p) not in seen]
    if unseen:
        raise ValueError(
            f"policy: ACKTR would never train {unseen[0]} of {name}, which lies outside the extractor, "
            "latent and output layers of actor and critic"
        )


def is_joint(policy: ActorCriticPolicy, options: ACKTR) -> bool:
    """Whether one optimizer updates actor and critic together.

    Raises:
        ValueError: an option was set that this form does not use.
    """
    critic = options.critic_kwargs
    joint = critic.norm == "gauss_newton" and shares_parameters(policy)
    if joint:
        names = {"n_updates"} | GAUSS_NEWTON_ONLY | EUCLIDEAN_ONLY
        for name in changed(critic, names):
            raise ValueError(
                f"critic_kwargs.{name}: {type(policy).__name__} shares parameters between actor and critic, "
                "which are then updated together; expected critic_kwargs to be left out, or norm: euclidean"
            )
        return True
    for _ in changed(options, {"vf_coef"}):
        raise ValueError(
            f"vf_coef is {options.vf_coef}, but this critic is updated apart from the actor; expected it "
            f"to be left out, see critic_kwargs.{_step_size_of(critic)}"
        )
    if critic.norm == "euclidean" and options.critic_sigma != 1:
        raise ValueError(
            f"critic_sigma is {options.critic_sigma}, but a Euclidean critic has no output distribution; "
            "expected it to be left out"
        )
    return False


def _step_size_of(critic: CriticOptions) -> str:
    return "eta_max" if critic.norm == "gauss_newton" else "learning_rate"


def weighted_momentum(options: ACKTR) -> float:
    """Decay of an average of steps that knows the batches' weights; 0 where steps are clipped before it."""
    kfac = options.kfac_kwargs
    averaged = options.normalize_advantage and kfac.momentum_order == "average_then_clip"
    return kfac.momentum if averaged else 0.0
