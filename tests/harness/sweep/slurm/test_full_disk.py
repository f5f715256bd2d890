"""A disk that fills up during a submission: one line, nothing half-written, and the next call goes on."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

import harness.records
from harness.cli import app
from harness.records import find_runs
from harness.sweep.slurm.submissions import Jobs

SWEEP = "n_timesteps: 1000\nseeds: 3\nenvs: [CartPole-v1]\nalgos: [a2c]\ndevice: cpu\n"
SEQUENTIAL = (
    "n_timesteps: 1000\nseeds: {min: 3, max: 6, until: decided}\ncomparison: {baseline: a2c}\n"
    "envs: [CartPole-v1]\nalgos: [a2c, acktr]\ndevice: cpu\n"
)
REAL = harness.records.write_atomically


@pytest.fixture
def place(tmp_path: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SWEEP)
    Path("p.yaml").write_text('walltime: "1:00:00"\nruns_per_job: 1\n')
    return tmp_path


def sweep() -> Result:
    return CliRunner().invoke(app, ["sweep", "s.yaml", "--backend", "./p.yaml"])


@pytest.mark.parametrize(("name", "nth"), [("run.json", 2), ("submission.json", 1), ("share-0001.json", 1)])
def test_before_sbatch(
    name: str, nth: int, place: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def full(path: Path, text: str) -> None:
        written.append(path.name)
        if written.count(name) == nth and path.name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        REAL(path, text)

    monkeypatch.setattr("harness.records.write_atomically", full)
    refused = sweep()
    assert refused.exit_code == 2
    assert refused.stderr == (
        "harness: runs/s: cannot be written (No space left on device); "
        "not submitted, run it again when there is room\n"
    )
    assert Jobs(Path("runs/s")).submissions == []
    assert not (fake_slurm / "101.sh").exists()
    for run in find_runs(Path("runs/s")):
        assert run.content()["attempts"] == []
    monkeypatch.setattr("harness.records.write_atomically", REAL)
    again = sweep()
    assert again.exit_code == 0, again.output
    assert "submitted job 101: 3 jobs" in again.stdout


def test_after_sbatch_the_job_is_found_by_its_name(
    place: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def full(path: Path, text: str) -> None:
        written.append(path.name)
        if written.count("submission.json") == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        REAL(path, text)

    monkeypatch.setattr("harness.records.write_atomically", full)
    refused = sweep()
    assert refused.exit_code == 2
    assert "job 101 is submitted, and is found by its name" in refused.stderr
    assert refused.stderr.count("\n") == 1
    (submission,) = Jobs(Path("runs/s")).submissions
    assert submission.content["job_id"] is None
    (fake_slurm / "squeue.txt").write_text(f"101_[0-2]|PENDING|{submission.name}\n")
    monkeypatch.setattr("harness.records.write_atomically", REAL)
    assert sweep().stdout == "3 runs: 0 done, 3 queued, 0 to run\n"


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux's unshare")
def test_a_real_disk_page_by_page(place: Path) -> None:
    """On a tmpfs: whatever the file is that it has no room for, one line, and nothing is submitted."""
    Path("s.yaml").write_text(SEQUENTIAL)
    Path("p.yaml").write_text('walltime: "1:00:00"\nruns_per_job: 4\n')
    disk = place / "disk"
    disk.mkdir()
    script = Path(__file__).with_name("full_disk.py")
    command = ["unshare", "--mount", "--map-root-user", sys.executable, str(script), str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode in (1, 99) and "Traceback" not in done.stderr:
        pytest.skip(f"no mount of its own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    *refused, (_, code, said, submissions, jobs) = json.loads(done.stdout)
    assert len(refused) > 4  # what a call could write stays, so that each comes further
    assert [call for call in refused if call[1:2] != [2] or call[3:] != [0, 0]] == []
    files = set()
    for _, _, line, *_ in refused:
        file, _, why = line.removeprefix("harness: ").partition(
            ": cannot be written (No space left on device)"
        )
        assert why in ("\n", "; not submitted, run it again when there is room\n")
        files.add(Path(file).name)
    assert {".lock", "training.json", "sequential.json"} < files
    assert (submissions, jobs) == (1, 1)
    assert code == 0 or "job 101 is submitted, and is found by its name" in said
