"""One run from its RunSpec to a finished run directory."""

from __future__ import annotations

import os
import traceback
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import configure
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv

from algos.registry import get_agent
from harness.provenance import provenance
from harness.records import RunRecord
from harness.runner.build import build_agent, build_envs
from harness.runner.callbacks import FiniteParameters, Recorder
from harness.runner.stop import EXIT_INTERRUPTED, StopFlag
from harness.spec import RunSpec

LOG_TIMESTEPS = 10_000
"""An on-policy agent's ``progress.csv`` gets a row every so many timesteps, or every 200th of a shorter
budget; never more often than once a rollout."""


def run(record: RunRecord, stop: StopFlag, device: str = "cpu", num_threads: int = 1) -> int:
    """Train the run in ``record`` from the start; return the worker's exit code.

    0: done. 1: failed, with the error in ``status.json`` and the traceback on stderr.
    :data:`EXIT_INTERRUPTED`: told to stop.
    """
    torch.set_num_threads(num_threads)
    attempt, n_timesteps = 0, 0
    try:
        spec = RunSpec.model_validate(record.spec)
        n_timesteps = spec.n_timesteps
        attempt = record.begin_attempt(provenance(get_agent(spec.algo).sources))
        record.set_status("running", timesteps=0, n_timesteps=n_timesteps, attempt=attempt, pid=os.getpid())
        return _train(spec, record, attempt, stop, device, num_threads)
    except Exception as error:
        traceback.print_exc()
        message = " ".join(f"{type(error).__name__}: {error}".split())
        try:
            progress = record.status()
        except ValueError:
            progress = {"timesteps": 0, "n_timesteps": n_timesteps, "attempt": attempt}
        kept = {key: value for key, value in progress.items() if key not in ("state", "heartbeat")}
        record.set_status("failed", **{**kept, "error": message})
        return 1


def _train(
    spec: RunSpec, record: RunRecord, attempt: int, stop: StopFlag, device: str, num_threads: int
) -> int:
    set_random_seed(spec.seed, using_cuda=device != "cpu")
    envs = build_envs(spec, num_threads)
    recorder = Recorder(record, spec.n_timesteps, attempt, stop)
    try:
        agent = build_agent(spec, envs, device)
        agent.set_logger(configure(str(record.directory), ["csv"]))
        callbacks = [recorder, FiniteParameters()]
        if isinstance(agent, OnPolicyAlgorithm):
            agent.learn(spec.n_timesteps, callback=callbacks, log_interval=_log_interval(spec))
        else:
            agent.learn(spec.n_timesteps, callback=callbacks)
        agent.logger.close()
        if stop and agent.num_timesteps < spec.n_timesteps:
            error = f"stopped by {stop.signal_name}"
            record.set_status("interrupted", **recorder.status_fields(), error=error)
            return EXIT_INTERRUPTED
        fields = recorder.status_fields()
        _save(agent, envs, record)
        record.set_status("done", **fields, error=None)
        return 0
    finally:
        recorder.close()
        envs.close()


def _log_interval(spec: RunSpec) -> int:
    """Rollouts of an on-policy agent between rows of ``progress.csv``."""
    settings: dict[str, Any] = spec.hyperparameters
    batch_size = int(settings["n_envs"]) * int(settings["n_steps"])
    return max(1, min(LOG_TIMESTEPS, spec.n_timesteps // 200) // batch_size)


def _save(agent: BaseAlgorithm, envs: VecEnv, record: RunRecord) -> None:
    agent.save(record.model_file)
    state = getattr(envs, "protocol_state", None)
    if state is not None:
        record.save_protocol_state(state())
