"""A job whose runs are shown in W&B."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.sweep.plan import PlannedRun
from harness.sweep.slurm import job
from harness.sweep.slurm.packing import PackedJob
from harness.sweep.slurm.profile import Profile
from harness.sweep.slurm.submit import submit_runs
from harness.sweep.supervisor import Outcome
from harness.sweep.trackers import Trackers
from harness.tracking.settings import WandbBlock


@pytest.mark.parametrize("mode", ["online", "disabled"])
def test_its_trackers_get_their_time_out_of_the_workers(
    mode: Any,
    fake_slurm: Path,
    counting_run: Callable[..., PlannedRun],
    profile: Callable[..., Profile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "very-secret")
    run, chosen = counting_run(), profile(signal_seconds=60)
    wandb = WandbBlock(mode=mode, project="p", finish_seconds=20)
    ((submission, _),) = submit_runs(
        [[PackedJob((run,))]], run.record.directory.parents[3], "s", chosen, [], wandb=wandb
    )
    share = job.Share(submission.directory / "share-0000.json")
    assert share.wandb == wandb
    given: dict[str, Any] = {}

    def supervise(runs: Any, command: Any, **options: Any) -> Outcome:
        given.update(options)
        return Outcome()

    monkeypatch.setattr(job, "supervise", supervise)
    share.run()
    assert isinstance(given["observer"], Trackers) is (mode == "online")
    assert given["grace"] == chosen.grace_seconds - (20 if mode == "online" else 0)
    written = [path.read_bytes() for path in submission.directory.rglob("*") if path.is_file()]
    assert not any(b"very-secret" in content for content in written)
    assert "wandb" in json.loads(share.path.read_text())
