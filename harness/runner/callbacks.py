"""What a run writes while it trains: finished episodes and a heartbeat."""

from __future__ import annotations

import os
import time

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from harness.records import EpisodeLog, RunRecord
from harness.runner.stop import StopFlag

HEARTBEAT_SECONDS = 2.0
RETURN_WINDOW = 100


class NonFiniteParameters(FloatingPointError):
    """An update made a parameter NaN or infinite; the run is of no use from there on."""


class FiniteParameters(BaseCallback):
    """Ends a run as failed as soon as an update leaves a parameter that is NaN or infinite."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        for name, parameter in self.model.policy.named_parameters():
            if not torch.isfinite(parameter).all():
                raise NonFiniteParameters(
                    f"parameter {name} is not finite after {self.num_timesteps} timesteps"
                )


class Recorder(BaseCallback):
    """Writes ``episodes.csv`` and ``status.json``, and ends training when told to stop.

    Episodes are taken from the environments' ``info["episode"]`` (SB3's Monitor format) at each step in the
    order of their environment index, which is their global completion order.

    Args:
        record: the run directory.
        n_timesteps: the run's budget.
        attempt: number of this attempt, from 1.
        stop: ends training at the next step once true.
    """

    def __init__(self, record: RunRecord, n_timesteps: int, attempt: int, stop: StopFlag) -> None:
        super().__init__()
        self._record = record
        self._n_timesteps = n_timesteps
        self._attempt = attempt
        self._stop = stop
        self._log = EpisodeLog(record.episodes_file)
        self._returns: list[float] = []
        self._started = time.perf_counter()
        self._next_heartbeat = 0.0

    def _on_training_start(self) -> None:
        self._started = time.perf_counter()
        self.heartbeat()

    def _on_step(self) -> bool:
        for index in np.flatnonzero(self.locals["dones"]):
            episode = self.locals["infos"][index].get("episode")
            if episode is not None:
                self._add(int(index), float(episode["r"]), int(episode["l"]))
        if time.perf_counter() >= self._next_heartbeat:
            self.heartbeat()
        return not self._stop

    def _add(self, env_index: int, episode_return: float, length: int) -> None:
        self._returns = [*self._returns[1 - RETURN_WINDOW :], episode_return]
        self._log.append(
            timestep=self.num_timesteps,
            env_index=env_index,
            episode_return=episode_return,
            length=length,
            wall_time=time.perf_counter() - self._started,
        )

    def heartbeat(self) -> None:
        """Write a ``running`` status."""
        self._next_heartbeat = time.perf_counter() + HEARTBEAT_SECONDS
        self._record.set_status("running", **self.status_fields())

    def status_fields(self) -> dict[str, float | int | None]:
        """What every status of this attempt carries.

        ``steps_per_second`` is timesteps per second of training, updates included; ``last_return`` the mean
        over the last 100 episodes.
        """
        elapsed = time.perf_counter() - self._started
        return {
            "timesteps": self.num_timesteps,
            "n_timesteps": self._n_timesteps,
            "steps_per_second": round(self.num_timesteps / elapsed, 1) if self.num_timesteps else None,
            "training_seconds": round(elapsed, 3),
            "episodes": self._log.n_episodes,
            "last_return": float(np.mean(self._returns)) if self._returns else None,
            "attempt": self._attempt,
            "pid": os.getpid(),
        }

    def close(self) -> None:
        """Close ``episodes.csv``."""
        self._log.close()
