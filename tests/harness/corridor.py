"""Environments whose valid actions depend on the state, and which refuse all others.

Imported, it registers ``Corridor-v0``, ``MaskedCorridor-v0`` and ``BareCorridor-v0``; a copy of it is what a
package offers.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import TransformReward
from numpy.typing import NDArray
from sb3_contrib.common.wrappers import ActionMasker

LENGTH = 8
MOVES = (-1, 1, 2, 3)


class BareCorridor(gymnasium.Env[NDArray[np.float32], np.int64]):
    """A walk to the end of a corridor, where a move that leaves it raises ValueError."""

    observation_space = spaces.Box(0, 1, (2,), np.float32)
    action_space = spaces.Discrete(len(MOVES))

    def valid(self) -> NDArray[np.bool_]:
        return np.array([0 <= self._place + move <= LENGTH for move in MOVES])

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[np.float32], Any]:
        super().reset(seed=seed)
        self._place = int(self.np_random.integers(LENGTH))
        return self._see(), {}

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        if not self.valid()[action]:
            raise ValueError(f"move {MOVES[action]} from {self._place}")
        self._place += MOVES[action]
        return self._see(), -1.0 + self.np_random.normal() / 10, self._place == LENGTH, False, {}

    def _see(self) -> NDArray[np.float32]:
        return np.array([self._place / LENGTH, self.np_random.random()], dtype=np.float32)


class Corridor(BareCorridor):
    """It says itself which moves are valid."""

    def action_masks(self) -> NDArray[np.bool_]:
        return self.valid()


def masked_corridor() -> gymnasium.Env[Any, Any]:
    """Only a wrapper says so, below another one."""
    return TransformReward(ActionMasker(BareCorridor(), lambda env: env.unwrapped.valid()), lambda r: 2 * r)


for env_id, entry_point in {
    "BareCorridor-v0": BareCorridor,
    "Corridor-v0": Corridor,
    "MaskedCorridor-v0": masked_corridor,
}.items():
    gymnasium.register(env_id, entry_point=entry_point, max_episode_steps=12)  # type: ignore[arg-type]
