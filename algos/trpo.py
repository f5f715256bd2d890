"""The paper's TRPO baseline: sb3-contrib's, with the paper's networks by name."""

from __future__ import annotations

from typing import ClassVar

from sb3_contrib import TRPO as ContribTRPO
from stable_baselines3.common.policies import BasePolicy

from algos.networks import PAPER_POLICIES
from algos.rollouts import LightRollouts


class TRPO(LightRollouts, ContribTRPO):
    """sb3-contrib's TRPO; ``PaperCnnPolicy`` and ``PaperMlpPolicy`` are among its policy aliases."""

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**ContribTRPO.policy_aliases, **PAPER_POLICIES}
