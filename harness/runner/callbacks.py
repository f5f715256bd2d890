"""What a run writes while it trains: finished episodes and a heartbeat."""

from __future__ import annotations

import os
import time

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from harness.envs.base import HarnessVecEnv
from harness.records import EpisodeLog, RunRecord
from harness.runner.stop import Preempted, StopFlag

HEARTBEAT_SECONDS = 2.0
RETURN_WINDOW = 100


class NonFiniteParameters(FloatingPointError):
    """An update made a parameter NaN or infinite; the run is of no use from there on."""


def check_finite(agent: BaseAlgorithm) -> None:
    """Raise :class:`NonFiniteParameters` if a parameter of the policy is NaN or infinite; one read."""
    finite = {name: torch.isfinite(parameter).all() for name, parameter in agent.policy.named_parameters()}
    if finite and not torch.stack(list(finite.values())).all():
        name = next(name for name, flag in finite.items() if not flag)
        raise NonFiniteParameters(f"parameter {name} is not finite after {agent.num_timesteps} timesteps")


class FiniteParameters(BaseCallback):
    """Ends a run as failed as soon as an update leaves a parameter that is NaN or infinite."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        check_finite(self.model)


class StopAtOnce(BaseCallback):
    """Ends training at the next timestep after a signal; for agents without checkpoints."""

    def __init__(self, stop: StopFlag) -> None:
        super().__init__()
        self._stop = stop

    def _on_step(self) -> bool:
        if self._stop:
            raise Preempted(f"stopped by {self._stop.signal_name}")
        return True


class Recorder(BaseCallback):
    """Writes ``episodes.csv`` and ``status.json``.

    Episodes are taken from the environments themselves, since not every agent shows its callbacks what a step
    returned; they come in their global completion order. A row is written at the callback that follows, when
    the agent has counted the timestep.

    Args:
        envs: what the agent trains on; this becomes their :attr:`HarnessVecEnv.on_episode`.
        record: the run directory.
        log: its ``episodes.csv``; the caller closes it.
        n_timesteps: the run's budget.
        attempt: number of this attempt, from 1.
        seconds_before: seconds of training before this attempt.

    Attributes:
        returns: of the last 100 episodes of the run.
        checkpoint_seconds: what this attempt's checkpoints have cost.
    """

    def __init__(
        self,
        envs: HarnessVecEnv,
        record: RunRecord,
        log: EpisodeLog,
        n_timesteps: int,
        attempt: int,
        seconds_before: float = 0.0,
    ) -> None:
        super().__init__()
        self.returns: list[float] = []
        self.checkpoint_seconds = 0.0
        self._ended: list[tuple[int, dict[str, float]]] = []
        envs.on_episode = lambda index, episode: self._ended.append((index, episode))
        self._record = record
        self._log = log
        self._n_timesteps = n_timesteps
        self._attempt = attempt
        self._seconds_before = seconds_before
        self._started = time.perf_counter() - seconds_before
        self._next_heartbeat = 0.0

    @property
    def training_seconds(self) -> float:
        """Seconds of training so far, over all attempts whose work is in the record."""
        return time.perf_counter() - self._started

    def _on_training_start(self) -> None:
        self._started = time.perf_counter() - self._seconds_before
        # SB3's time/fps and time/time_elapsed then are of the run, not of the attempt.
        self.model.start_time -= int(self._seconds_before * 1e9)
        self.model._num_timesteps_at_start = 0
        self.heartbeat()

    def _on_step(self) -> bool:
        if self._ended:
            self._add_ended()
        if time.perf_counter() >= self._next_heartbeat:
            self.heartbeat()
        return True

    def _on_rollout_end(self) -> None:
        self._add_ended()  # before a checkpoint, even where an agent calls back before the step

    def _on_training_end(self) -> None:
        self._add_ended()

    def _add_ended(self) -> None:
        for index, episode in self._ended:
            self._add(index, float(episode["r"]), int(episode["l"]))
        self._ended.clear()

    def _add(self, env_index: int, episode_return: float, length: int) -> None:
        self.returns = [*self.returns[1 - RETURN_WINDOW :], episode_return]
        self._log.append(
            timestep=self.num_timesteps,
            env_index=env_index,
            episode_return=episode_return,
            length=length,
            wall_time=self.training_seconds,
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
        elapsed = self.training_seconds
        return {
            "timesteps": self.num_timesteps,
            "n_timesteps": self._n_timesteps,
            "steps_per_second": round(self.num_timesteps / elapsed, 1) if self.num_timesteps else None,
            "training_seconds": round(elapsed, 3),
            "checkpoint_seconds": round(self.checkpoint_seconds, 3),
            "episodes": self._log.n_episodes,
            "last_return": float(np.mean(self.returns)) if self.returns else None,
            "attempt": self._attempt,
            "pid": os.getpid(),
        }
