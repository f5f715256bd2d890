"""Which forms of ACKTR a policy and its options make, and what cannot be made.

Joint: actor and critic share parameters and are updated together. Apart: the critic is updated on its own,
either since it shares nothing with the actor or since its norm is Euclidean (section 5.3).
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from algos.acktr.heads import ActorView, CriticView, action_distribution, shares_parameters
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
        ValueError: the action distribution is none of SB3's four plain ones, a trainable parameter lies
            outside the path from observations to actions and values (a recurrent policy), or a method of the
            policy's own computes something else than its layers in a row.
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
    if not _is_its_layers(policy):
        raise ValueError(
            f"policy: {name} computes something else from an observation than its extractor, latent and "
            "output layers do in a row, which is what ACKTR trains; expected no other methods of its own"
        )


@torch.no_grad()
def _is_its_layers(policy: ActorCriticPolicy, n: int = 4) -> bool:
    """Whether views and policy agree on `n` observations and actions, none of them by torch's generator."""
    training = policy.training
    policy.set_training_mode(False)
    seen, done = copy.deepcopy((policy.observation_space, policy.action_space))
    seen.seed(0)
    done.seed(0)
    rows = [_observation(seen) for _ in range(n)]
    parts = seen.spaces if isinstance(seen, spaces.Dict) else ()
    stacked: Any = {key: np.stack([row[key] for row in rows]) for key in parts} or np.stack(rows)
    observations: Any = policy.obs_to_tensor(stacked)[0]
    choices = np.stack([done.sample() - getattr(done, "start", 0) for _ in range(n)])
    actions = torch.as_tensor(choices, device=policy.device).reshape(n, -1)
    actions = actions.flatten() if isinstance(done, spaces.Discrete) else actions.float()
    values, log_probs, _ = policy.evaluate_actions(observations, actions)
    ours = action_distribution(policy, ActorView(policy)(observations)).log_prob(actions)
    pairs = ((ours, log_probs), (CriticView(policy)(observations).flatten(), values.flatten()))
    policy.set_training_mode(training)
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-4, equal_nan=True) for a, b in pairs)


def _observation(space: spaces.Space[Any]) -> Any:
    """An observation of moderate size, where a space's bounds may be the largest floats there are."""
    if isinstance(space, spaces.Dict):
        return {key: _observation(part) for key, part in space.spaces.items()}
    if isinstance(space, spaces.Box) and space.dtype != np.uint8:
        return space.np_random.random(space.shape).clip(space.low, space.high).astype(space.dtype)
    return space.sample()


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
