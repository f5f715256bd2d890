"""The paper's A2C baseline: Stable-Baselines3's, with the paper's networks by name."""

from __future__ import annotations

from contextlib import nullcontext
from typing import ClassVar

import torch
from gymnasium import spaces
from stable_baselines3 import A2C as SB3A2C
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import explained_variance as sb3_explained_variance
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn
from torch.nn import functional

from algos.device_rollouts import DeviceRolloutBuffer
from algos.explained_variance import explained_variance
from algos.kept_graphs import KeptGraphs, can_keep_graphs
from algos.kfac.host import read
from algos.networks import PAPER_POLICIES
from algos.rollouts import LeanRolloutBuffer, LightRollouts
from algos.validation import unvalidated


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
        """One gradient step over the rollout, as SB3's; what it logs under ``train/`` is read at once."""
        policy, batch = self.policy, next(self.rollout_buffer.get(batch_size=None))
        policy.set_training_mode(True)
        self._update_learning_rate(policy.optimizer)
        kept = self._graphs.replayed(len(batch.returns), policy) if self._graphs else nullcontext()
        actions = batch.actions
        if isinstance(self.action_space, spaces.Discrete):
            actions = actions.long().flatten()
        with kept, unvalidated(self.device):
            values, log_prob, entropy = policy.evaluate_actions(batch.observations, actions)
        self._graphs = None
        advantages = batch.advantages
        if self.normalize_advantage:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        policy_loss = -(advantages * log_prob).mean()
        value_loss = functional.mse_loss(batch.returns, values.flatten())
        entropy_loss = -torch.mean(-log_prob if entropy is None else entropy)
        policy.optimizer.zero_grad()
        loss = policy_loss + self.ent_coef * entropy_loss + self.vf_coef * value_loss
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(policy.parameters(), self.max_grad_norm)
        policy.optimizer.step()
        self._n_updates += 1
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        log = {
            "explained_variance": self._explained_variance(),
            "entropy_loss": entropy_loss,
            "policy_loss": policy_loss,
            "value_loss": value_loss,
        }
        if hasattr(policy, "log_std"):
            log["std"] = torch.exp(policy.log_std).mean()
        for name, value in read(log).items():
            self.logger.record(f"train/{name}", value)

    def _explained_variance(self) -> float | Tensor:
        """Of the rollout's returns by the values of acting; NaN for constant returns."""
        if isinstance(self.rollout_buffer, DeviceRolloutBuffer):
            columns = self.rollout_buffer.columns
            return explained_variance(columns.values, columns.returns)
        ours = (self.rollout_buffer.values.flatten(), self.rollout_buffer.returns.flatten())
        return float(sb3_explained_variance(*ours))

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_graphs"]
