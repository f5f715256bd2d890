"""The paper's A2C baseline: Stable-Baselines3's, with the paper's networks by name."""

from __future__ import annotations

from typing import ClassVar

from stable_baselines3 import A2C as SB3A2C
from stable_baselines3.common.policies import BasePolicy

from algos.networks import PAPER_POLICIES
from algos.rollouts import LightRollouts


class A2C(LightRollouts, SB3A2C):
    """SB3's A2C; ``PaperCnnPolicy`` and ``PaperMlpPolicy`` are among its policy aliases."""

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**SB3A2C.policy_aliases, **PAPER_POLICIES}
