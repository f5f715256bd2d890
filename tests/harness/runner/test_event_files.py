"""TensorBoard's view of a run that was interrupted: every point once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from harness.records import RunRecord
from harness.runner.event_files import EventFiles
from harness.runner.progress import make_logger


def scalars(directory: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(directory), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_what_was_cut_back_is_purged(tmp_path: Path) -> None:
    for attempt, (resumed_at, steps) in enumerate([(0, (10, 20, 30, 40)), (20, (30, 40, 50))]):
        logger = make_logger(tmp_path / "progress.csv", EventFiles(tmp_path / "tensorboard", resumed_at))
        for step in steps:
            logger.record("a", step + attempt / 2)
            logger.record("hidden", 1, exclude="tensorboard")
            logger.dump(step)
        logger.close()
    expected = [(10, 10), (20, 20), (30, 30.5), (40, 40.5), (50, 50.5)]
    assert scalars(tmp_path / "tensorboard") == {"a": expected}


def test_a_run_that_was_stopped_and_resumed_has_the_points_of_progress_csv(
    make_run: Callable[..., RunRecord], attempt: Callable[..., Any]
) -> None:
    record = make_run("a2c", "CartPole-v1", 600, n_steps=20, n_envs=1)
    attempt(record, stop_at=300, tensorboard=True)
    assert record.status()["state"] == "preempted"
    attempt(record, tensorboard=True)
    assert record.status()["state"] == "done"
    progress = record.progress()
    found = scalars(record.tensorboard_directory)["rollout/ep_rew_mean"]
    assert [step for step, _ in found] == list(progress["time/total_timesteps"])
    assert len(list(record.tensorboard_directory.iterdir())) == 2
    attempt(record, tensorboard=True, fresh=True)
    assert len(list(record.tensorboard_directory.iterdir())) == 1
