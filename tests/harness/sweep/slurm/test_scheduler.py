"""What is read into Slurm's words: states cut off or never heard of, foreign arrays, commands that fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.sweep.slurm.scheduler import Phase, job_ids, judge, phase_of, read_accounting, read_queue


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("RUNNING", "running"),
        ("COMPLETING", "running"),
        ("completed", "ended"),
        ("CANCELLED by 1000", "ended"),
        ("CANCELLED+", "ended"),
        ("OUT_OF_ME+", "ended"),
        ("NODE_FAIL", "ended"),
        ("REQUEUE_HOLD", "queued"),
        ("COMPLET", "unknown"),  # COMPLETED or COMPLETING
        ("PREEMPTE", "ended"),
        ("LAUNCHING_TO_MARS", "unknown"),
        ("", "unknown"),
        ("RE", "unknown"),
    ],
)
def test_states(word: str, phase: Phase) -> None:
    assert phase_of(word) == phase


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("7", ["7"]),
        ("7_3", ["7_3"]),
        ("7_[0-2,5%3]", ["7_0", "7_1", "7_2", "7_5"]),
        ("4_[1%1]", ["4_1"]),
        ("4_[0-6:3]", ["4_0", "4_3", "4_6"]),
        ("4_[0-2,...", ["4_0", "4_1", "4_2"]),
        ("4_[0-999999999]", []),
        ("7+1", []),
        ("7.batch", []),
        ("", []),
    ],
)
def test_ids(text: str, ids: list[str]) -> None:
    assert job_ids(text) == ids


def test_the_queue_comes_first(fake_slurm: Path) -> None:
    (fake_slurm / "squeue.txt").write_text(
        "5_0|RUNNING|mine\n5_[1-2%1]|PENDING|mine\nnonsense\n9|ODD|o|ther\n6|RUNNING|else\n"
    )
    (fake_slurm / "sacct.txt").write_text(
        "5_0|FAILED|mine\n8_0|TIMEOUT|gone\n8_1|SOMETHING_NEW|gone\n8_2|FAILED|else\n8_3"
    )
    queue = read_queue(["me"])
    assert queue.names == {"mine": "5", "o|ther": "9", "else": "6"}
    names = {"5": "mine", "9": "o|ther", "6": "mine", "8": "gone"}
    judged = {
        job_id: judge(job_id, names[job_id[0]], queue, lambda: read_accounting("8", "gone"))
        for job_id in ("5_0", "5_2", "9", "6", "8_0", "8_1", "8_2")
    }
    assert {i: (job.phase, job.said) for i, job in judged.items()} == {
        "5_0": ("running", "RUNNING"),
        "5_2": ("queued", "PENDING"),
        "9": ("unknown", "ODD"),
        "6": ("ended", "no longer in the queue"),  # of another name: not this job
        "8_0": ("ended", "TIMEOUT"),
        "8_1": ("unknown", "SOMETHING_NEW"),
        "8_2": ("ended", "no longer in the queue"),
    }


def test_without_sacct_a_job_out_of_the_queue_has_ended(fake_slurm: Path) -> None:
    (fake_slurm / "sacct.txt").unlink()
    assert judge("5", "n", read_queue(["me"]), lambda: read_accounting("5", "n")).phase == "ended"


def test_without_squeue_nothing_is_known(fake_slurm: Path) -> None:
    (fake_slurm / "squeue.txt").unlink()
    (fake_slurm / "sacct.txt").write_text("5|FAILED|n\n")
    assert judge("5", "n", read_queue(["me"]), lambda: read_accounting("5", "n")).phase == "unknown"


@pytest.mark.usefixtures("no_slurm")
def test_without_slurm_nothing_is_known() -> None:
    assert judge("5", "n", read_queue(["me"]), lambda: read_accounting("5", "n")).phase == "unknown"
