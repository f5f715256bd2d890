"""SB3's PPO, what a user would try instead; its rollouts are collected as those of the other agents."""

from __future__ import annotations

from typing import ClassVar

from stable_baselines3 import PPO as SB3PPO
from stable_baselines3.common.policies import BasePolicy

from algos.networks import PAPER_POLICIES
from algos.rollouts import LightRollouts


class PPO(LightRollouts, SB3PPO):
    """SB3's PPO; ``PaperCnnPolicy`` and ``PaperMlpPolicy`` are among its policy aliases."""

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**SB3PPO.policy_aliases, **PAPER_POLICIES}
