"""The recorder takes episodes from the environments, whatever an agent shows its callbacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import A2C

from harness.envs.make import make_vec_env
from harness.envs.protocol import GymProtocol
from harness.records import EpisodeLog, RunRecord
from harness.runner.callbacks import Recorder


@pytest.mark.parametrize("event", ["on_step", "on_rollout_end", "on_training_end"])
def test_episodes_that_ended_are_written_once(event: str, tmp_path: Path) -> None:
    envs = make_vec_env("CartPole-v1", GymProtocol(), 2, seed=0)
    record = RunRecord(tmp_path / "run")
    record.create({"n_timesteps": 1000}, "test")
    log = EpisodeLog(record.episodes_file)
    recorder = Recorder(envs, record, log, 1000, attempt=1)
    recorder.init_callback(A2C("MlpPolicy", envs, device="cpu"))  # it shows no local variables
    envs.reset()
    ended, snapshot = [], envs.snapshot()
    for _ in range(60):
        _, _, dones, infos = envs.step(np.array([0, 1]))
        ended += [(int(i), infos[i]["episode"]["r"], infos[i]["episode"]["l"]) for i in np.flatnonzero(dones)]
        snapshot = envs.snapshot()
    for _ in range(2):
        getattr(recorder, event)()
        envs.restore(snapshot)  # its episodes are under way
    log.close()
    envs.close()
    rows = record.episodes()[["env_index", "return", "length"]].itertuples(index=False, name=None)
    assert len(ended) > 6
    assert list(rows) == ended
