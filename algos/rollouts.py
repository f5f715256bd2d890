"""Collecting rollouts at low cost per timestep, for every on-policy agent of the project.

SB3's loop calls the policy network, the value network and the log-probability at each timestep. Only the
action is needed then: values and log-probabilities of the whole rollout are computed afterwards in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.vec_env import VecEnv

from algos.acting import LightActor, light_actor
from algos.device_rollouts import DeviceRolloutBuffer, Timeout, can_stay_on_device

Actor = Callable[[int, NDArray[Any]], NDArray[Any]]
"""Actions ``[n_envs, *action shape]`` at a step of the rollout, for ``[n_envs, *observation shape]``."""


class LeanRolloutBuffer(RolloutBuffer):
    """SB3's rollout buffer with vectorised advantages and a full batch that is not shuffled.

    The same numbers as SB3's up to float32 rounding. A whole batch (``get(None)``) comes in the order time
    first: row ``t * n_envs + i`` is timestep t of environment i.
    """

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: NDArray[Any]) -> None:
        """GAE(lambda) advantages and TD(lambda) returns, ``[buffer_size, n_envs]`` (Schulman et al., 2016).

        Args:
            last_values: values of the observations after the rollout, ``n_envs`` elements.
            dones: whether each environment's last timestep ended its episode, ``[n_envs]``.
        """
        bootstrap = last_values.detach().cpu().numpy().reshape(1, -1)
        going_on = 1.0 - np.concatenate([self.episode_starts[1:], dones[None].astype(np.float32)])
        next_values = np.concatenate([self.values[1:], bootstrap])
        deltas = self.rewards + self.gamma * next_values * going_on - self.values
        decays = (self.gamma * self.gae_lambda) * going_on
        if self.n_envs == 1:  # scalars: the same numbers, at a fraction of what arrays of one element cost
            deltas, decays = deltas[:, 0], decays[:, 0]
        advantage: Any = np.zeros_like(deltas[0])
        advantages: list[Any] = []
        for delta, decay in zip(deltas[::-1], decays[::-1], strict=True):
            advantage = delta + decay * advantage
            advantages.append(advantage)
        self.advantages[::-1] = np.reshape(advantages, self.advantages.shape)
        self.returns = self.advantages + self.values

    def get(self, batch_size: int | None = None) -> Generator[RolloutBufferSamples, None, None]:
        """Yield minibatches as SB3 does, or for None the whole rollout as one batch in its own order."""
        if batch_size is not None:
            yield from super().get(batch_size)
            return
        assert self.full, "the rollout is not complete"
        n = self.buffer_size * self.n_envs
        columns = (self.values, self.log_probs, self.advantages, self.returns)
        yield RolloutBufferSamples(
            self._whole(self.observations, (n, *self.obs_shape)),
            self._whole(self.actions.astype(np.float32, copy=False), (n, self.action_dim)),
            *(self._whole(column, (n,)) for column in columns),
        )

    def _whole(self, array: NDArray[Any], shape: tuple[int, ...]) -> torch.Tensor:
        return torch.from_numpy(array.reshape(shape)).to(self.device)


class LightRollouts(OnPolicyAlgorithm):
    """An on-policy agent that acts at low cost where its policy allows it.

    On a CPU a small policy acts through :func:`algos.acting.light_actor`; on an accelerator a rollout stays
    there (:mod:`algos.device_rollouts`). Elsewhere SB3's loop runs. On the first two a callback sees SB3's
    local variables except ``obs_tensor``, ``values`` and ``log_probs``. On the first the noise of continuous
    actions is drawn from torch's generator for the whole rollout at its first step.
    """

    def _setup_model(self) -> None:
        own = self.rollout_buffer_class in (None, LeanRolloutBuffer, DeviceRolloutBuffer)
        if own := own and not isinstance(self.observation_space, spaces.Dict):
            self.rollout_buffer_class = LeanRolloutBuffer
        super()._setup_model()
        if own and can_stay_on_device(self.policy):
            self.rollout_buffer_class = DeviceRolloutBuffer
            self.rollout_buffer = DeviceRolloutBuffer(
                self.n_steps,
                self.observation_space,
                self.action_space,
                self.device,
                self.gae_lambda,
                self.gamma,
                self.n_envs,
            )

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Fill the buffer with ``n_rollout_steps`` per environment; False if a callback ended training."""
        act = self._actor(env, rollout_buffer) if n_rollout_steps == self.n_steps else None
        if act is None:
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        timeouts = self._interact(act, env, callback, rollout_buffer)
        if timeouts is None:
            return False
        last_obs, dones = np.asarray(self._last_obs), np.asarray(self._last_episode_starts)
        if isinstance(rollout_buffer, DeviceRolloutBuffer):
            rollout_buffer.complete(self.policy, last_obs, dones, timeouts)
        else:
            self._complete(rollout_buffer, last_obs, dones, timeouts)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _actor(self, env: VecEnv, rollout_buffer: RolloutBuffer) -> Actor | None:
        """Acts in one rollout and keeps what it saw and did; None where SB3's loop has to run."""
        if type(rollout_buffer) is DeviceRolloutBuffer:
            return partial(rollout_buffer.act, self.policy)
        light = self._light_actor(env.num_envs) if type(rollout_buffer) is LeanRolloutBuffer else None
        if light is None:
            return None

        rows = _rows(rollout_buffer)

        def act(step: int, observations: NDArray[Any]) -> NDArray[Any]:
            actions = light(observations)
            seen, done = next(rows)
            seen[...] = observations
            done[...] = actions.reshape(done.shape)
            return actions

        return act

    def _light_actor(self, n_envs: int) -> LightActor | None:
        return light_actor(self.policy, n_envs, ahead=self.n_steps)

    def _interact(
        self, act: Actor, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer
    ) -> list[Timeout] | None:
        """Step the environments; return the episodes that were cut off, None if a callback stopped it."""
        space, num_envs, step_envs = self.action_space, env.num_envs, env.step
        bounds = (space.low, space.high) if isinstance(space, spaces.Box) else None
        scope: dict[str, Any] = {
            "self": self,
            "env": env,
            "rollout_buffer": rollout_buffer,
            "n_rollout_steps": rollout_buffer.buffer_size,
        }
        timeouts: list[Timeout] = []
        for n_steps, (rewards_row, starts_row) in enumerate(
            zip(rollout_buffer.rewards, rollout_buffer.episode_starts, strict=True)
        ):
            actions = act(n_steps, self._last_obs)  # type: ignore[arg-type]
            clipped_actions = (
                actions if bounds is None else np.minimum(np.maximum(actions, bounds[0]), bounds[1])
            )
            new_obs, rewards, dones, infos = step_envs(clipped_actions)
            self.num_timesteps += num_envs
            scope["n_steps"], scope["actions"], scope["clipped_actions"] = n_steps, actions, clipped_actions
            scope["new_obs"], scope["rewards"] = new_obs, rewards
            scope["dones"], scope["infos"] = dones, infos
            callback.update_locals(scope)
            if not callback.on_step():
                return None
            rewards_row[...] = rewards
            starts_row[...] = self._last_episode_starts
            if True in dones.tolist():
                self._update_info_buffer(infos, dones)
                timeouts += [
                    (n_steps, int(index), infos[index]["terminal_observation"])
                    for index in np.flatnonzero(dones)
                    if infos[index].get("TimeLimit.truncated") and "terminal_observation" in infos[index]
                ]
            self._last_obs = new_obs  # type: ignore[assignment]
            self._last_episode_starts = dones
        rollout_buffer.pos, rollout_buffer.full = rollout_buffer.buffer_size, True
        return timeouts

    @torch.no_grad()
    def _complete(
        self,
        rollout_buffer: RolloutBuffer,
        last_obs: NDArray[Any],
        dones: NDArray[Any],
        timeouts: list[Timeout],
    ) -> None:
        """Fill in what the actor left out; a time-out's reward gains ``gamma V(last observation)``."""
        shape = rollout_buffer.values.shape
        samples = next(rollout_buffer.get(None))
        actions = (
            samples.actions.flatten() if isinstance(self.action_space, spaces.Discrete) else samples.actions
        )
        values, log_probs, _ = self.policy.evaluate_actions(samples.observations, actions)
        rollout_buffer.values[:] = values.cpu().numpy().reshape(shape)
        rollout_buffer.log_probs[:] = log_probs.cpu().numpy().reshape(shape)
        if timeouts:
            steps, indices, last = zip(*timeouts, strict=True)
            last_values = self.policy.predict_values(self.policy.obs_to_tensor(np.stack(last))[0])
            rollout_buffer.rewards[list(steps), list(indices)] += (
                self.gamma * last_values.cpu().numpy().flatten()
            )
        values = self.policy.predict_values(self.policy.obs_to_tensor(last_obs)[0])
        rollout_buffer.compute_returns_and_advantage(last_values=values, dones=dones)


def _rows(rollout_buffer: RolloutBuffer) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Observations and actions of each step, of the arrays that are there at the first one."""
    yield from zip(rollout_buffer.observations, rollout_buffer.actions, strict=True)
