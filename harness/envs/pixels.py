"""MuJoCo tasks from pixels for SB3."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from harness.envs.base import EnvironmentFault
from harness.envs.gym_vec import GymVecEnv
from harness.envs.pixels_renderer import Renderer
from harness.envs.protocol import MujocoPixelsProtocol, MujocoProtocol

Stack = NDArray[np.uint8]
CHANNELS = 3


class PixelsVecEnv(GymVecEnv):
    """``n_envs`` MuJoCo tasks, observations uint8 [n_envs, 3 * frame_stack, screen_size, screen_size].

    Channels come first, which SB3's CnnPolicy takes as it is. Rewards are normalised as the protocol says.

    Raises EnvironmentFault where the machine cannot render off-screen.
    """

    def __init__(
        self,
        env_id: str,
        protocol: MujocoPixelsProtocol,
        n_envs: int,
        seed: int,
        *,
        gamma: float,
        training: bool = True,
    ) -> None:
        rewards = MujocoProtocol(
            normalize_obs=False, normalize_reward=protocol.normalize_reward, clip_reward=protocol.clip_reward
        )
        super().__init__(env_id, rewards, n_envs, seed, gamma=gamma, training=training)
        # The copies of a task have equal models, so that one renderer serves them all.
        self._renderer = Renderer(env_id, _unwrapped(self.envs[0]).model, protocol.screen_size)
        self.envs = [
            PixelObservation(env, self._renderer, protocol, index) for index, env in enumerate(self.envs)
        ]
        self.observation_space = self.envs[0].observation_space
        self._hold(np.zeros((n_envs, *(self.observation_space.shape or ())), dtype=np.uint8))

    def close(self) -> None:
        super().close()
        self._renderer.close()


class PixelObservation(gymnasium.Wrapper[Stack, Any, Any, Any]):
    """One MuJoCo task whose observation is its last pictures, uint8 [3 * frame_stack, size, size].

    The current picture's RGB comes last; before an episode's first picture the others are black. Raises
    EnvironmentFault if the simulator's state is not finite: a picture would not show it.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], renderer: Renderer, protocol: MujocoPixelsProtocol, index: int
    ) -> None:
        super().__init__(env)
        size = protocol.screen_size
        shape = (CHANNELS * protocol.frame_stack, size, size)
        self.observation_space = spaces.Box(low=0, high=255, shape=shape, dtype=np.uint8)
        self._renderer = renderer
        self._index = index
        self._stack: Stack = np.zeros(shape, dtype=np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Stack, dict[str, Any]]:
        state, info = self.env.reset(seed=seed, options=options)
        self._stack[:] = 0
        return self._see(state), info

    def step(self, action: Any) -> tuple[Stack, Any, bool, bool, dict[str, Any]]:
        state, reward, terminated, truncated, info = self.env.step(action)
        self._stack[:-CHANNELS] = self._stack[CHANNELS:].copy()
        return self._see(state), reward, terminated, truncated, info

    def _see(self, state: NDArray[Any]) -> Stack:
        if not np.isfinite(state).all():
            name = self.spec.id if self.spec is not None else "MuJoCo"
            raise EnvironmentFault(f"{name} (index {self._index}): the state is not finite")
        self._stack[-CHANNELS:] = self._renderer.render(_unwrapped(self.env).data).transpose(2, 0, 1)
        return self._stack.copy()


def _unwrapped(env: gymnasium.Env[Any, Any]) -> Any:
    return env.unwrapped
