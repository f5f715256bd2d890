"""What is said of a run whose job Slurm knows, no longer knows, or does not tell of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.sweep.slurm.submissions import Jobs
from tests.harness.sweep.slurm.faked import calls, harness, name_of, queue, seeds, set_status, state_of, sweep


@pytest.mark.parametrize(
    ("status", "age", "job", "expected"),
    [
        ("pending", 0, "PENDING", "queued"),
        ("pending", 0, None, "pending"),  # its job ended before it came to it
        ("pending", 0, "A_NEW_WORD", "queued"),
        ("preempted", 0, "PENDING", "queued"),
        ("preempted", 0, None, "preempted"),
        ("running", 0, "RUNNING", "running"),
        ("running", 0, None, "running"),  # the heartbeat is young: the file is believed
        ("running", 3600, "RUNNING", "running"),  # the file server may be slow
        ("running", 3600, "COMPLETING", "running"),
        ("running", 3600, "A_NEW_WORD", "running"),
        ("running", 3600, "PENDING", "queued"),  # put back
        ("running", 3600, None, "lost"),
        ("running", -3600, None, "lost"),  # a clock has jumped
        ("done", 3600, None, "done"),
        ("failed", 3600, "RUNNING", "failed"),
    ],
)
def test_a_state(
    status: str, age: float, job: str | None, expected: str, place: Path, fake_slurm: Path
) -> None:
    sweep()
    record = seeds()[0]
    set_status(record, status, age, hostname="a-node", pid=1)
    queue(fake_slurm, **({"j101_0": job} if job else {}))
    assert state_of(record)[0] == expected


def test_a_lost_run_says_how_its_job_ended(place: Path, fake_slurm: Path) -> None:
    sweep()
    record = seeds()[5]
    set_status(record, "running", 3600, hostname="a-node", pid=1)
    name = name_of("101")
    (fake_slurm / "sacct.txt").write_text(f"101_0|COMPLETED|{name}\n101_1|NODE_FAIL|{name}\n")
    assert state_of(record) == ("lost", "the worker is gone; its job: NODE_FAIL")
    (fake_slurm / "sacct.txt").write_text(f"101_1|A_NEW_WORD|{name}\n")
    assert state_of(record)[0] == "running"


def test_an_id_that_the_cluster_gave_again_is_another_s(place: Path, fake_slurm: Path) -> None:
    """After a reset of the cluster, the user's other jobs have the ids of this sweep's old ones."""
    sweep()
    record = seeds()[0]
    (fake_slurm / "squeue.txt").write_text("101_[0-3]|RUNNING|harness-other-20260101-000000-1\n")
    assert state_of(record)[0] == "pending"
    assert harness("cancel", "s").stdout == "nothing to cancel: nothing runs or waits\n"
    assert calls(fake_slurm, "scancel") == []
    set_status(record, "running", 3600, hostname="a-node", pid=1)
    (fake_slurm / "sacct.txt").write_text("101_0|A_NEW_WORD|harness-other-20260101-000000-1\n")
    assert state_of(record) == ("lost", "the worker is gone; its job: no longer in the queue")


def test_a_clock_that_was_put_back_between_two_submissions(place: Path, fake_slurm: Path) -> None:
    sweep()
    sweep()
    older, newer = Jobs(Path("runs/s")).submissions
    path = newer.directory / "submission.json"
    path.write_text(json.dumps({**newer.content, "submitted": older.content["submitted"] - 3600}))
    queue(fake_slurm, j102_0="PENDING", j102_1="PENDING", j102_2="PENDING", j102_3="PENDING")
    assert sweep().stdout == "12 runs: 0 done, 12 queued, 0 to run\n"


def test_a_job_that_ended_before_it_began_a_run_says_where_to_look(place: Path, fake_slurm: Path) -> None:
    sweep()
    (fake_slurm / "sacct.txt").write_text(f"101_0|FAILED|{name_of('101')}\n")
    (folder,) = Path("runs/s/.slurm").glob("*-1")
    said = f"its job ended before it was started: FAILED, see {folder}/jobs/101_0_0_log.out"
    assert state_of(seeds()[0]) == ("pending", said)
    shown = harness("status", "s").stdout
    assert f"pending: {seeds()[0].directory}: {said}\n" in shown
    refused = harness("logs", str(seeds()[0].directory))
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"harness: {seeds()[0].directory}: was not started yet; its job ended")
    assert refused.stderr.endswith("/jobs/101_0_0_log.out\n")


def test_a_scheduler_that_is_down_is_said(place: Path, fake_slurm: Path) -> None:
    sweep()
    (fake_slurm / "squeue.txt").unlink()
    said = "squeue does not answer: runs that a job held count as queued or running until it does\n"
    assert sweep().stdout == f"12 runs: 0 done, 12 queued, 0 to run\n{said}"
    assert sweep("--dry-run").stdout.endswith(said)
    assert harness("status", "s").stdout.endswith(said)
    assert json.loads(harness("status", "s", "--json").stdout)["scheduler_answers"] is False


@pytest.mark.parametrize("status", ["pending", "running"])
def test_a_scheduler_that_is_down_loses_nothing(status: str, place: Path, fake_slurm: Path) -> None:
    sweep()
    record = seeds()[0]
    set_status(record, status, 3600, hostname="a-node", pid=1)
    (fake_slurm / "squeue.txt").unlink()
    assert state_of(record)[0] == {"pending": "queued", "running": "running"}[status]
    assert "submitted" not in sweep().stdout


def test_a_submission_whose_id_was_never_noted_is_found_by_its_name(place: Path, fake_slurm: Path) -> None:
    sweep()
    (path,) = Path("runs/s/.slurm").glob("*/submission.json")
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "job_id": None}))
    assert state_of(seeds()[0])[0] == "pending"
    (fake_slurm / "squeue.txt").write_text(f"77_[0-3]|PENDING|{content['name']}\n")
    assert state_of(seeds()[0])[0] == "queued"
