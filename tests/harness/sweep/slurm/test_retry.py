"""``harness retry`` on a scheduler that is acted: which runs, on what, and how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.sweep.slurm.submissions import Jobs
from tests.harness.sweep.slurm.faked import harness, newest, queue, seeds, set_status, sweep


def test_retry_starts_what_ended_badly(place: Path, fake_slurm: Path) -> None:
    Path("slurm").mkdir()
    Path("p.yaml").rename("slurm/p.yaml")
    assert harness("sweep", "s.yaml", "--backend", "p").exit_code == 0
    found = seeds()
    set_status(found[0], "failed", error="it broke")
    set_status(found[1], "running", 3600, hostname="a-node", pid=1)
    set_status(found[2], "done")
    assert "1 job," in harness("retry", "s", "--lost").stdout
    (share,) = json.loads((place / "runs/s/.slurm").joinpath(newest(), "submission.json").read_text())[
        "shares"
    ]
    assert [run.rpartition("/")[2] for run in share["runs"]] == ["seed-1"]
    queue(fake_slurm, j102="PENDING")
    assert "submitted job 103: 1 job" in harness("retry", "s").stdout  # the failed one
    queue(fake_slurm, j102="PENDING", j103="PENDING")
    assert harness("retry", "s").stdout == "nothing to do: no run is failed or lost\n"


def test_retry_takes_the_profile_from_the_file_that_the_sweep_was_given(
    place: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep()
    set_status(seeds()[0], "failed", error="it broke")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    retried = harness("retry", "s", "--runs-dir", "../runs")
    assert (retried.exit_code, retried.stdout.partition(":")[0]) == (0, "submitted job 102")
    newest = Jobs(place / "runs/s").submissions[-1].content
    assert (newest["profile"], newest["backend"]) == ("p", str(place / "p.yaml"))


def test_retry_trains_and_tracks_as_the_sweep_did(place: Path, fake_slurm: Path) -> None:
    pytest.importorskip("wandb")
    assert sweep("--wandb", "offline", "--tensorboard", "--set", "tracking.wandb.project=mine").exit_code == 0
    set_status(seeds()[0], "failed", error="it broke")
    assert harness("retry", "s").exit_code == 0
    first, again = told()
    assert again == first
    assert again["options"] == ["--device", "cpu", "--checkpoint-seconds", "60.0", "--tensorboard"]
    assert (again["wandb"]["mode"], again["wandb"]["project"]) == ("offline", "mine")
    queue(fake_slurm, j102="PENDING")
    set_status(seeds()[1], "failed", error="it broke")
    assert harness("retry", "s", "--device", "auto", "--wandb", "disabled").exit_code == 0
    changed = told()[-1]
    assert changed["options"] == ["--device", "auto", *first["options"][2:]]
    assert changed["wandb"]["mode"] == "disabled"


def told() -> list[dict[str, Any]]:
    """What each submission's first job was told beside its runs."""
    shares = [submission.directory / "share-0000.json" for submission in Jobs(Path("runs/s")).submissions]
    return [
        {key: content[key] for key in ("options", "wandb")}
        for content in (json.loads(share.read_text()) for share in shares)
    ]


def test_a_damaged_note_of_how_a_sweep_was_trained_is_one_line(place: Path, fake_slurm: Path) -> None:
    sweep()
    Path("runs/s/training.json").write_text('{"device": "tpu"}')
    refused = harness("retry", "s")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "training.json: device: " in refused.stderr
