"""What a run has learned, read for evaluation without unpickling anything."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pytest

from algos.registry import get_agent
from harness.records import RecordError, RunRecord
from harness.runner.exit_codes import ExitCode
from harness.runner.trained import load_for_evaluation

MakeRun = Callable[..., RunRecord]
Attempt = Callable[..., ExitCode]


@pytest.mark.parametrize("source", ["checkpoint", "model.zip"])
def test_a_done_run_acts_as_its_final_model(make_run: MakeRun, attempt: Attempt, source: str) -> None:
    record = make_run("acktr", "InvertedPendulum-v5", 600, n_steps=200)
    assert attempt(record) == ExitCode.DONE
    if source == "model.zip":
        shutil.rmtree(record.checkpoints_directory)
    trained = load_for_evaluation(record)
    assert trained.timesteps == 600
    final = get_agent("acktr").load().load(record.model_file, device="cpu")
    seen = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    expected, _ = final.predict(seen, deterministic=True)
    np.testing.assert_array_equal(trained.agent.predict(seen, deterministic=True)[0], expected)
    saved = np.load(record.protocol_state_file)
    assert trained.protocol_state.keys() == set(saved.files)
    for name, array in trained.protocol_state.items():
        np.testing.assert_array_equal(array, saved[name])


def test_in_the_middle_of_a_run_the_newest_intact_checkpoint_counts(
    make_run: MakeRun, attempt: Attempt
) -> None:
    record = make_run("a2c", "InvertedPendulum-v5", 600, n_steps=50)
    assert attempt(record, stop_at=300) == ExitCode.PREEMPTED
    assert load_for_evaluation(record).timesteps == 300
    (record.checkpoints_directory / "step-000000000300" / "training.pt").write_bytes(b"cut")
    assert load_for_evaluation(record).timesteps == 250


def test_a_run_that_has_learned_nothing_yet(make_run: MakeRun) -> None:
    with pytest.raises(RecordError, match=r"no intact checkpoint and no model\.zip yet"):
        load_for_evaluation(make_run("a2c", "CartPole-v1", 100))


def test_a_damaged_final_model_is_named(make_run: MakeRun) -> None:
    record = make_run("dqn", "CartPole-v1", 100)
    record.model_file.write_bytes(b"no zip")
    with pytest.raises(RecordError, match="the final model is damaged"):
        load_for_evaluation(record)
