"""A run under way: environments, agent and files, and how they are trained, saved and brought back."""

from __future__ import annotations

import io
import sys
import time
from contextlib import suppress

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from harness.durable import replace_flushed
from harness.envs.base import EnvironmentFault, HarnessVecEnv
from harness.records import EpisodeLog, RunRecord
from harness.runner.agent_state import agent_state, load_agent_state
from harness.runner.callbacks import FiniteParameters, Recorder, StopAtOnce, check_finite
from harness.runner.checkpoint import Checkpoint, keep_newest, write_checkpoint
from harness.runner.event_files import EventFiles
from harness.runner.plain import decode, encode
from harness.runner.progress import ProgressRows, make_logger
from harness.runner.resume import Circumstances
from harness.runner.rng import load_random_state, random_state
from harness.runner.safe_points import Checkpointer, before_each_rollout
from harness.runner.stop import StopFlag
from harness.spec import RunSpec

LOG_TIMESTEPS = 10_000
"""An on-policy agent's ``progress.csv`` gets a row every so many timesteps, or every 200th of a shorter
budget; never more often than once a rollout."""


class Session:
    """A run of an agent without checkpoints, at its start. It closes its environments and files.

    Args:
        spec: the run.
        record: its directory.
        envs: its environments.
        agent: built on them.
        attempt: number of this attempt, from 1.
        checkpoint: where the files of the record go on.
        tensorboard: whether to write TensorBoard's event files too.
    """

    def __init__(
        self,
        spec: RunSpec,
        record: RunRecord,
        envs: HarnessVecEnv,
        agent: BaseAlgorithm,
        attempt: int,
        checkpoint: Checkpoint | None = None,
        *,
        tensorboard: bool = False,
    ) -> None:
        self.spec = spec
        self.record = record
        self.envs = envs
        self.agent = agent
        self.log = EpisodeLog(record.episodes_file, checkpoint.episodes if checkpoint else None)
        if checkpoint:
            checkpoint.restore_progress(record.progress_file)
        resumed_at = checkpoint.timesteps if checkpoint else 0
        event_files = [EventFiles(record.tensorboard_directory, resumed_at)] if tensorboard else []
        agent.set_logger(make_logger(record.progress_file, *event_files))
        seconds_before = checkpoint.training_seconds if checkpoint else 0.0
        self.recorder = Recorder(envs, record, self.log, spec.n_timesteps, attempt, seconds_before)

    def train(self, stop: StopFlag) -> None:
        """Train to the budget, and write the final model and the status ``done``.

        Raises:
            Preempted: ``stop`` became true.
        """
        try:
            self._learn(stop)
        except BaseException:
            with suppress(OSError):  # of a full disk, which may be what ended it
                self.recorder.heartbeat()
            raise
        fields = self.recorder.status_fields()
        self._save_model()
        self.record.save_protocol_state(self.envs.protocol_state())
        self.record.set_status("done", **fields, error=None)

    def _learn(self, stop: StopFlag) -> None:
        callbacks = [self.recorder, FiniteParameters(), StopAtOnce(stop)]
        self.agent.learn(self.spec.n_timesteps, callback=callbacks)
        check_finite(self.agent)

    def _save_model(self) -> None:
        # In memory first: torch's own writer leaves half a file on a full disk, and an error without a name.
        buffer = io.BytesIO()
        self.agent.save(buffer)
        replace_flushed(self.record.model_file, buffer.getbuffer())

    def close(self) -> None:
        """Close the environments and the files."""
        self.agent.logger.close()
        self.log.close()
        self.envs.close()


class OnPolicySession(Session):
    """A run of an on-policy agent: at its start, or as it was when ``checkpoint`` was written.

    Args:
        spec, record, envs, agent, attempt, tensorboard: as for :class:`Session`.
        checkpoint: where to go on.
        circumstances: go into the manifests of its own checkpoints.
        checkpoint_seconds: between checkpoints; see :class:`harness.runner.safe_points.Checkpointer`.

    Raises:
        EnvironmentFault: the environments cannot be brought back to where they were.
    """

    agent: OnPolicyAlgorithm

    def __init__(
        self,
        spec: RunSpec,
        record: RunRecord,
        envs: HarnessVecEnv,
        agent: OnPolicyAlgorithm,
        attempt: int,
        checkpoint: Checkpoint | None,
        circumstances: Circumstances,
        checkpoint_seconds: float | None,
        *,
        tensorboard: bool = False,
    ) -> None:
        super().__init__(spec, record, envs, agent, attempt, checkpoint, tensorboard=tensorboard)
        self.circumstances = circumstances
        self.checkpoint_seconds = checkpoint_seconds
        self.resumed = checkpoint is not None
        self.saved_at = checkpoint.timesteps if checkpoint else None
        self.rows = ProgressRows(_log_interval(spec.n_timesteps, agent))
        if checkpoint:
            self._bring_back(checkpoint)

    def _bring_back(self, checkpoint: Checkpoint) -> None:
        state, environments = checkpoint.training(), checkpoint.environments()
        self.envs.load_protocol_state(environments.get("protocol", {}))
        try:
            self.envs.restore(environments["snapshot"])
        except EnvironmentFault as fault:
            raise EnvironmentFault(
                f"{fault}; the run cannot be continued exactly, --fresh starts it again from zero"
            ) from None
        load_agent_state(self.agent, state["agent"])
        load_random_state(state["random"], self.agent.action_space)
        own = decode(state["run"])
        self.recorder.returns = own["returns"]
        self.rows.iteration = own["iteration"]

    def _learn(self, stop: StopFlag) -> None:
        checkpointer = Checkpointer(self._save, stop, self.checkpoint_seconds)
        callbacks = [self.recorder, FiniteParameters(), self.rows]
        with before_each_rollout(self.agent, checkpointer):
            self.agent.learn(
                self.spec.n_timesteps - self.agent.num_timesteps,
                callback=callbacks,
                log_interval=sys.maxsize,  # self.rows writes them
                reset_num_timesteps=not self.resumed,
            )
        self._save()
        keep_newest(self.record.checkpoints_directory, 1)

    def _save(self) -> float:
        """Write a checkpoint, unless there is one of this timestep; return what it cost in seconds.

        Nothing that training depends on is changed.
        """
        if self.agent.num_timesteps == self.saved_at:
            return 0.0
        started = time.perf_counter()
        check_finite(self.agent)
        manifest = {
            "timesteps": self.agent.num_timesteps,
            "training_seconds": self.recorder.training_seconds,
            "episodes": vars(self.log.mark()),
            **self.circumstances.to_manifest(),
        }
        training = {
            "agent": agent_state(self.agent),
            "random": random_state(self.agent.action_space),
            "run": encode({"returns": self.recorder.returns, "iteration": self.rows.iteration}),
        }
        environments = {"snapshot": self.envs.snapshot(), "protocol": self.envs.protocol_state()}
        write_checkpoint(
            self.record.checkpoints_directory,
            manifest,
            training,
            environments,
            self.record.progress_file,
        )
        self.saved_at = self.agent.num_timesteps
        cost = time.perf_counter() - started
        self.recorder.checkpoint_seconds += cost
        return cost


def _log_interval(n_timesteps: int, agent: OnPolicyAlgorithm) -> int:
    """Rollouts of an on-policy agent between rows of ``progress.csv``."""
    batch_size = agent.n_envs * agent.n_steps  # n_steps need not be a hyper-parameter of another's agent
    return max(1, min(LOG_TIMESTEPS, n_timesteps // 200) // batch_size)
