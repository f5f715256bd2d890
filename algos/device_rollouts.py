"""Rollouts that stay on an accelerator: an observation goes up each step, an action comes down.

The action is the environment's own wait for the device. Nothing else of a rollout waits: values and
log-probabilities stay where they are computed, rewards go up together when the rollout is complete, and
advantages are computed there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import BaseBuffer, RolloutBuffer
from stable_baselines3.common.distributions import (
    BernoulliDistribution,
    CategoricalDistribution,
    DiagGaussianDistribution,
    MultiCategoricalDistribution,
)
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from torch import Tensor
from torch.distributions import Categorical

from algos.kfac.host import reads_are_free
from algos.validation import unvalidated

Array = NDArray[Any]
Timeout = tuple[int, int, Any]
"""Step of the rollout, index of the environment, and the last observation of an episode that was cut off."""

PLAIN_DISTRIBUTIONS = (
    BernoulliDistribution,
    CategoricalDistribution,
    DiagGaussianDistribution,
    MultiCategoricalDistribution,
)
"""SB3's action distributions without gSDE and squashing: those that ACKTR takes, too."""


def can_stay_on_device(policy: ActorCriticPolicy) -> bool:
    """Whether `policy` lies where reads make the host wait, and can act with no more than one a step."""
    return (
        not reads_are_free(policy.device)
        and type(policy.action_dist) in PLAIN_DISTRIBUTIONS
        and not isinstance(policy.observation_space, spaces.Dict)
    )


@dataclass(frozen=True)
class Columns:
    """A rollout on its device, time first: ``[buffer_size, n_envs, ...]``.

    Observations have the type of their space, so that frames stay bytes; all else is float32. Rewards of
    time-outs include the value of what would have followed.
    """

    observations: Tensor
    actions: Tensor
    values: Tensor
    log_probs: Tensor
    rewards: Tensor
    advantages: Tensor
    returns: Tensor


class DeviceRolloutBuffer(RolloutBuffer):
    """A rollout in tensors that are allocated once.

    SB3's arrays by name are copies, each of which waits for the device; ``rewards`` and ``episode_starts``,
    ``[buffer_size, n_envs]``, are the host's own, without what time-outs add.

    Attributes:
        columns: the rollout on the device.
    """

    columns: Columns

    def reset(self) -> None:
        """Begin a rollout; the tensors are overwritten by it."""
        if "columns" not in self.__dict__:
            self._allocate()
        BaseBuffer.reset(self)

    def _allocate(self) -> None:
        shape = (self.buffer_size, self.n_envs)
        observation = torch.from_numpy(np.zeros((self.n_envs, *self.obs_shape), self.observation_space.dtype))
        self._pinned = self.device.type == "cuda"
        self._observation = self._on_host(observation)
        self._rewards, self._going_on = (self._on_host(torch.zeros(shape)) for _ in range(2))
        # One view each, since asking a tensor for its array is a read.
        self._observation_array = self._observation.numpy()
        self.rewards, self._going_on_array = self._rewards.numpy(), self._going_on.numpy()
        self.episode_starts = np.zeros(shape, np.float32)
        self.columns = Columns(
            torch.zeros((self.buffer_size, *observation.shape), dtype=observation.dtype, device=self.device),
            torch.zeros((*shape, self.action_dim), device=self.device),
            *(torch.zeros(shape, device=self.device) for _ in range(5)),
        )

    def _on_host(self, tensor: Tensor) -> Tensor:
        return tensor.pin_memory() if self._pinned else tensor

    def upload(self, array: Array) -> Tensor:
        """`array` on the device; the host does not wait until it is there."""
        return self._on_host(torch.from_numpy(np.ascontiguousarray(array))).to(self.device, non_blocking=True)

    def act(self, policy: ActorCriticPolicy, step: int, observations: Array) -> Array:
        """Act on ``[n_envs, *observation shape]`` and keep all of it as `step` of the rollout.

        Returns:
            Actions ``[n_envs, *action shape]``, the only thing that comes to the host.
        """
        columns = self.columns
        row = columns.observations[step]
        # The action of the step before has arrived, and so had the observation that this overwrites.
        self._observation_array[...] = observations.reshape(self._observation_array.shape)
        row.copy_(self._observation, non_blocking=True)
        with torch.no_grad(), unvalidated(self.device), _sampling_unasked(policy):
            actions, values, log_probs = policy(row)
            columns.actions[step].copy_(actions.reshape(self.n_envs, -1))
            columns.values[step].copy_(values.flatten())
            columns.log_probs[step].copy_(log_probs)
        drawn: Array = actions.cpu().numpy()
        return drawn

    @torch.no_grad()
    def complete(
        self, policy: ActorCriticPolicy, last_observations: Array, dones: Array, timeouts: Sequence[Timeout]
    ) -> None:
        """Send up the rewards, and compute advantages and returns.

        Args:
            policy: gives the values of what follows.
            last_observations: after the last step, ``[n_envs, *observation shape]``.
            dones: whether each environment's last step ended its episode, ``[n_envs]``.
            timeouts: episodes that were cut off.
        """
        rewards = self.columns.rewards
        rewards.copy_(self._rewards, non_blocking=True)
        if timeouts:
            steps, indices, last = zip(*timeouts, strict=True)
            values = policy.predict_values(self.upload(self._as_batch(np.stack(last)))).flatten()
            where = self.upload(np.array([steps, indices]))
            rewards[where[0], where[1]] += self.gamma * values
        last_values = policy.predict_values(self.upload(self._as_batch(last_observations)))
        self.compute_returns_and_advantage(last_values, dones)

    def _as_batch(self, observations: Array) -> Array:
        batch: Array = observations.reshape(-1, *self.obs_shape).astype(
            self.observation_space.dtype, copy=False
        )
        return batch

    def compute_returns_and_advantage(self, last_values: Tensor, dones: Array) -> None:
        """GAE(lambda) advantages and TD(lambda) returns, ``[buffer_size, n_envs]``, on the device.

        Args:
            last_values: values of the observations after the rollout, ``n_envs`` elements.
            dones: whether each environment's last timestep ended its episode, ``[n_envs]``.
        """
        columns = self.columns
        self._going_on_array[:-1] = 1.0 - self.episode_starts[1:]
        self._going_on_array[-1] = 1.0 - dones
        going_on = self._going_on.to(self.device, non_blocking=True)
        next_values = torch.cat([columns.values[1:], last_values.reshape(1, -1)])
        deltas = columns.rewards + self.gamma * next_values * going_on - columns.values
        columns.advantages.copy_(discounted_sums(deltas, (self.gamma * self.gae_lambda) * going_on))
        torch.add(columns.advantages, columns.values, out=columns.returns)

    def get(self, batch_size: int | None = None) -> Generator[RolloutBufferSamples, None, None]:
        """Yield shuffled minibatches, or for None the whole rollout as one batch in its own order."""
        assert self.full, "the rollout is not complete"
        n, c = self.buffer_size * self.n_envs, self.columns
        flat = [
            column.flatten(0, 1)
            for column in (c.observations, c.actions, c.values, c.log_probs, c.advantages, c.returns)
        ]
        if batch_size is None:
            yield RolloutBufferSamples(*flat)
            return
        for index in torch.split(self.upload(np.random.permutation(n)), batch_size):
            yield RolloutBufferSamples(*(column[index] for column in flat))

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Not of use here: :meth:`act` keeps what it sees."""
        raise NotImplementedError("a DeviceRolloutBuffer is filled by its act()")

    observations = property(lambda self: self.columns.observations.cpu().numpy())
    actions = property(lambda self: self.columns.actions.cpu().numpy())
    values = property(lambda self: self.columns.values.cpu().numpy())
    log_probs = property(lambda self: self.columns.log_probs.cpu().numpy())
    advantages = property(lambda self: self.columns.advantages.cpu().numpy())
    returns = property(lambda self: self.columns.returns.cpu().numpy())


def discounted_sums(terms: Tensor, decays: Tensor) -> Tensor:
    """``x[t] = terms[t] + decays[t] * x[t + 1]``, ``[T, ...]``, in ``log2 T`` products instead of T.

    Before a pass of width w, ``terms[t]`` is the sum up to ``t + w`` and ``decays[t]`` the decay from there.
    """
    width = 1
    while width < len(terms):
        head = decays[:-width]
        terms = torch.cat([terms[:-width] + head * terms[width:], terms[-width:]])
        decays = torch.cat([head * decays[width:], decays[-width:]])
        width *= 2
    return terms


@contextmanager
def _sampling_unasked(policy: ActorCriticPolicy) -> Iterator[None]:
    """Inside, the policy draws discrete actions without asking the device if its probabilities are sound."""
    distribution = policy.action_dist
    draw: Any = None
    if isinstance(distribution, CategoricalDistribution):
        draw = lambda: drawn(distribution.distribution)  # noqa: E731
    elif isinstance(distribution, MultiCategoricalDistribution):
        draw = lambda: torch.stack([drawn(part) for part in distribution.distribution], dim=1)  # noqa: E731
    if draw is None:
        yield
        return
    distribution.__dict__["sample"] = draw
    try:
        yield
    finally:
        del distribution.__dict__["sample"]


def drawn(distribution: Categorical) -> Tensor:
    """An outcome per row, ``[N]``; the draws of `torch.multinomial`, which reads whether they are sound."""
    probabilities = distribution.probs
    return (probabilities / torch.empty_like(probabilities).exponential_()).argmax(-1)
