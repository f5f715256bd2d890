"""Whole episodes of an agent that does not learn."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from sb3_contrib import QRDQN
from sb3_contrib.ars.policies import ARSPolicy
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.td3.policies import TD3Policy

from algos.signature import takes_action_masks
from harness.envs.base import HarnessVecEnv
from harness.envs.masks import MASKS
from harness.envs.seeding import episode_seed
from harness.evaluation.record import EvaluatedEpisode

_ONE_ACTION = (DQN.predict, QRDQN.predict, TD3Policy._predict, ARSPolicy._predict)


class Played(NamedTuple):
    """Episodes, sorted by environment and time, and the actions of the first one."""

    episodes: tuple[EvaluatedEpisode, ...]
    first_actions: list[Any]


def samples_actions(agent: BaseAlgorithm) -> bool:
    """Whether ``predict(deterministic=False)`` samples from the policy.

    Those of DQN and QRDQN explore instead, at a rate that only a training has; the policies of TD3, DDPG and
    ARS know one action per observation.
    """
    predicts = (type(agent).predict, getattr(type(agent.policy), "_predict", None))
    return not any(predict in _ONE_ACTION for predict in predicts)


def play_episodes(
    agent: BaseAlgorithm, venv: HarnessVecEnv, run_seed: int, n_episodes: int, *, deterministic: bool
) -> Played:
    """Play ``n_episodes`` whole episodes, as many in each environment as in the others, give or take one.

    The numbers are set beforehand: taking the first episodes to end, whichever environment they are of,
    would prefer short ones. ``run_seed`` is the one that ``venv`` was made with. An agent that takes action
    masks gets those of ``venv``. Samples under gSDE get new noise, from torch's generator, whenever an
    episode begins, and every ``sde_sample_freq`` steps of ``venv`` where that is above 0.
    """
    wanted = [len(range(index, n_episodes, venv.num_envs)) for index in range(venv.num_envs)]
    done: list[list[EvaluatedEpisode]] = [[] for _ in wanted]
    first_actions: list[Any] = []
    masked = takes_action_masks(type(agent))
    policy: Any = agent.policy
    noisy = getattr(agent, "use_sde", False) and not deterministic
    every = agent.sde_sample_freq if noisy else 0
    observations: Any = venv.reset()
    state: Any = None
    starts = np.ones(venv.num_envs, dtype=np.bool_)
    for step in itertools.count():
        if all(len(mine) >= number for mine, number in zip(done, wanted, strict=True)):
            break
        if noisy and (starts.any() or (every > 0 and step % every == 0)):
            policy.reset_noise(venv.num_envs)
        masks = {"action_masks": np.stack(venv.env_method(MASKS))} if masked else {}
        actions, state = agent.predict(
            observations, state=state, episode_start=starts, deterministic=deterministic, **masks
        )
        if not done[0]:
            first_actions.append(actions[0].copy())
        observations, _, starts, infos = venv.step(actions)
        for index in np.flatnonzero(starts).tolist():
            episode = infos[index].get("episode")
            if episode is not None and len(done[index]) < wanted[index]:
                number = len(done[index])
                done[index].append(
                    EvaluatedEpisode(
                        env_index=index,
                        episode=number,
                        seed=episode_seed(run_seed, index, number),
                        episode_return=float(episode["r"]),
                        length=int(episode["l"]),
                    )
                )
    return Played(tuple(episode for mine in done for episode in mine), first_actions)
