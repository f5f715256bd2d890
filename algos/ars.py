"""Augmented random search: sb3-contrib's, with every timestep counted once."""

from __future__ import annotations

import sys
from typing import Any

import torch
from sb3_contrib import ARS as ContribARS
from stable_baselines3.common.callbacks import BaseCallback


class ARS(ContribARS):
    """sb3-contrib's ARS; ``num_timesteps`` grows by ``n_envs`` at each step of the environments.

    sb3-contrib adds ``n_envs`` for each environment that still has episodes to play, up to ``n_envs`` times a
    step; with one environment both are the same. Callbacks are called once a step here.
    """

    def evaluate_candidates(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The return of each candidate, ``[2 * n_delta]``; see sb3-contrib."""
        self._last_index = sys.maxsize
        returns: torch.Tensor = super().evaluate_candidates(*args, **kwargs)
        return returns

    def _trigger_callback(
        self, _locals: dict[str, Any], _globals: dict[str, Any], callback: BaseCallback, n_envs: int
    ) -> None:
        index, last = _locals["i"], self._last_index
        self._last_index = index
        if index <= last:  # within a step the environments come in ascending order
            super()._trigger_callback(_locals, _globals, callback, n_envs)
