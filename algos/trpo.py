"""The paper's TRPO baseline: sb3-contrib's, with the paper's networks by name."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar

import numpy as np
import torch
from sb3_contrib import TRPO as ContribTRPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from algos.device_rollouts import DeviceRolloutBuffer
from algos.networks import PAPER_POLICIES
from algos.rollouts import LeanRolloutBuffer, LightRollouts


class TRPO(LightRollouts, ContribTRPO):
    """sb3-contrib's TRPO; ``PaperCnnPolicy`` and ``PaperMlpPolicy`` are among its policy aliases."""

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**ContribTRPO.policy_aliases, **PAPER_POLICIES}

    def train(self) -> None:
        """As sb3-contrib's. Its ``sub_sampling_factor`` takes every k-th row of a whole batch.

        This project's batches are in order, in which every k-th row may be of the same few environments: with
        several they are shuffled first, as SB3's are.
        """
        if self.sub_sampling_factor == 1 or self.n_envs == 1 or not in_order(self.rollout_buffer):
            super().train()
            return
        self.rollout_buffer.__dict__["get"] = lambda batch_size=None: shuffled(
            self.rollout_buffer, batch_size
        )
        try:
            super().train()
        finally:
            del self.rollout_buffer.__dict__["get"]


def in_order(buffer: Any) -> bool:
    """Whether a whole batch comes time first."""
    return isinstance(buffer, LeanRolloutBuffer | DeviceRolloutBuffer)


def shuffled(buffer: RolloutBuffer, batch_size: int | None) -> Generator[RolloutBufferSamples, None, None]:
    """What the buffer's ``get`` gives, with the rows of a whole batch in random order."""
    for samples in type(buffer).get(buffer, batch_size):
        if batch_size is None:
            order = torch.from_numpy(np.random.permutation(len(samples.actions))).to(samples.actions.device)
            yield RolloutBufferSamples(*(column[order] for column in samples))
        else:
            yield samples
