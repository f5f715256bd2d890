"""The paper's A2C baseline: Stable-Baselines3's, with the paper's networks by name."""

from __future__ import annotations

from contextlib import nullcontext
from typing import ClassVar

from stable_baselines3 import A2C as SB3A2C
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from algos.kept_graphs import KeptGraphs, can_keep_graphs
from algos.networks import PAPER_POLICIES
from algos.rollouts import LeanRolloutBuffer, LightRollouts


class A2C(LightRollouts, SB3A2C):
    """SB3's A2C; ``PaperCnnPolicy`` and ``PaperMlpPolicy`` are among its policy aliases.

    On images its update uses the forward passes of acting (:mod:`algos.kept_graphs`).
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**SB3A2C.policy_aliases, **PAPER_POLICIES}
    _graphs: KeptGraphs | None = None

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Fill the buffer with ``n_rollout_steps`` per environment; False if a callback ended training."""
        in_order = type(rollout_buffer) is LeanRolloutBuffer
        self._graphs = (
            KeptGraphs(self.policy) if in_order and can_keep_graphs(self.policy, env.num_envs) else None
        )
        with self._graphs.recorded() if self._graphs else nullcontext():
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    def train(self) -> None:
        """One gradient step over the rollout; logs under ``train/``."""
        n_samples = self.rollout_buffer.buffer_size * self.rollout_buffer.n_envs
        with self._graphs.replayed(n_samples, self.policy) if self._graphs else nullcontext():
            super().train()
        self._graphs = None

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_graphs"]
