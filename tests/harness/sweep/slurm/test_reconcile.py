"""A sweep on a scheduler that is acted: what is submitted, status, cancel, retry, prune."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.records import RunRecord, find_runs
from harness.runner.lock import lock
from harness.sweep.slurm.submissions import Jobs
from tests.harness.sweep.slurm.faked import (
    SWEEP,
    calls,
    harness,
    newest,
    queue,
    seeds,
    set_status,
    sweep,
)


def test_a_submission(place: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "very-secret")
    done = sweep()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "12 runs: 0 done, 12 to run"
    assert done.stdout.splitlines()[1].startswith("submitted job 101: 4 jobs, ")
    script = (fake_slurm / "101.sh").read_text()
    assert "#SBATCH --array=0-3%4" in script
    assert "--signal=USR2@120" in script
    assert "'" + str(place) in script  # its space is quoted
    (folder,) = Path("runs/s/.slurm").glob("*-1")
    share = json.loads((folder / "share-0000.json").read_text())
    assert share["options"] == ["--device", "cpu", "--checkpoint-seconds", "60.0"]
    assert [RunRecord(Path(run)).status()["state"] for run in share["runs"]] == ["pending"] * 3
    assert set(share["code"]) == {"commit", "dirty_digest", "digest", "packages"}
    pickles = list((folder / "jobs").glob("*.pkl"))
    assert len(pickles) == 4
    assert all(pickle.stat().st_size < 1000 for pickle in pickles)  # a function's name and a path
    for path in [*place.rglob("*"), fake_slurm / "101.sh"]:
        if path.is_file():
            assert b"very-secret" not in path.read_bytes()


def test_only_the_difference_is_submitted(place: Path, fake_slurm: Path) -> None:
    sweep()
    queue(fake_slurm, j101_0="RUNNING", j101_1="PENDING", j101_2="PENDING", j101_3="PENDING")
    assert sweep().stdout == "12 runs: 0 done, 12 queued, 0 to run\n"
    (place / "s.yaml").write_text(SWEEP.format(seeds=14))
    again = sweep()
    assert again.stdout.splitlines()[0] == "14 runs: 0 done, 12 queued, 2 to run"
    assert again.stdout.splitlines()[1].startswith("submitted job 102: 1 job, ")
    assert "--array" not in (fake_slurm / "102.sh").read_text()


def test_a_known_speed_packs_by_the_walltime(place: Path) -> None:
    """1000 timesteps at 5 a second and 10 s to start; 420 s of the ten minutes, one run at a time."""
    profile = 'walltime: "0:10:00"\ngpus_per_job: 1\nruns_per_job: 3\n'
    Path("p.yaml").write_text(profile)
    assert "their jobs are put back where the walltime is too short" in sweep("--dry-run").stdout
    sweep("--set", "seeds=1")
    (record,) = seeds().values()
    record.begin_attempt({"cpu": "a node's"})
    set_status(record, "done", steps_per_second=5.0)
    planned = sweep("--dry-run").stdout
    assert "to start on ./p.yaml: 11 runs in 6 jobs, 2 arrays (5, 1)\n" in planned
    assert "wall-clock 0:07:00" in planned
    cut = "fewer runs a job than runs_per_job, because of the walltime: 5 jobs\n"
    assert cut in planned
    assert json.loads(sweep("--dry-run", "--json").stdout)["price"]["n_cut"] == 5
    assert cut in sweep().stdout
    first, second = Jobs(Path("runs/s")).submissions[1:]
    shares = [*first.content["shares"], *second.content["shares"]]
    assert [(len(share["runs"]), share["expected_seconds"]) for share in shares] == [(2, 420.0)] * 5 + [
        (1, 210.0)
    ]
    Path("p.yaml").write_text(profile.replace("0:10", "0:06"))
    assert (
        "runs longer than the walltime: 12 jobs, put back until"
        in sweep("--dry-run", "--fresh", "--set", "n_timesteps=2000").stdout
    )


def test_what_only_a_further_call_will_do_is_said(place: Path) -> None:
    with Path("p.yaml").open("a") as profile:
        profile.write("max_jobs: 3\n")
    assert sweep().stdout.splitlines()[-1] == (
        "3 runs left for later: call it again when these runs have ended, or with --watch, to go on"
    )


def test_nothing_is_submitted_beyond_a_max_jobs_that_cannot_be_known(place: Path, fake_slurm: Path) -> None:
    with Path("p.yaml").open("a") as profile:
        profile.write("max_jobs: 3\n")
    (fake_slurm / "squeue.txt").unlink()
    refused = sweep()
    assert (refused.exit_code, calls(fake_slurm, "sbatch")) == (2, [])
    assert refused.stderr == "harness: squeue does not answer; expected it to, to stay below max_jobs\n"


def test_another_sweeps_damaged_submission_is_no_obstacle(place: Path) -> None:
    damaged = Path("runs/other/.slurm/20260101-000000-1/submission.json")
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{")
    assert sweep().exit_code == 0


def test_the_same_in_json(place: Path, fake_slurm: Path) -> None:
    Path("s.yaml").write_text(
        "n_timesteps: 1000\nseeds: {min: 3, max: 6, until: decided}\ncomparison: {baseline: a2c}\n"
        "envs: [CartPole-v1]\nalgos: [a2c, acktr]\ndevice: cpu\n"
    )
    assert [job["n_jobs"] for job in json.loads(sweep("--json").stdout)["submitted"]] == [3]
    queue(fake_slurm, j101_0="RUNNING", j101_1="PENDING", j101_2="PENDING")
    assert json.loads(sweep("--json").stdout) == {"sweep": "s", "submitted": [], "left": []}
    refused = sweep("--json", "--watch")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("harness: --watch: expected without --json")


def test_status_counts_and_says_what_is_lost(place: Path, fake_slurm: Path) -> None:
    sweep()
    found = seeds()
    queue(fake_slurm, j101_1="RUNNING")
    set_status(found[0], "done")
    set_status(found[1], "running", 3600, hostname="a-node", pid=1)
    content = json.loads(harness("status", "s", "--json").stdout)
    counts = {state: n for state, n in content["rows"][0]["counts"].items() if n}
    assert counts == {"done": 1, "queued": 3, "lost": 1, "pending": 7}
    assert content["failures"][0]["directory"] == str(found[1].directory)
    queue(fake_slurm)
    lines = harness("status", "s", "--json", "--watch").stdout.splitlines()
    assert json.loads(lines[-1])["rows"][0]["counts"]["queued"] == 0


def test_runs_no_longer_named_are_reported_and_cancelled_only_with_prune(
    place: Path, fake_slurm: Path
) -> None:
    sweep()
    queue(fake_slurm, j101_0="RUNNING", j101_1="PENDING", j101_2="PENDING", j101_3="PENDING")
    (place / "s.yaml").write_text(SWEEP.format(seeds=7))
    said = sweep().stdout
    assert said.count("no longer in the file: ") == 5
    assert not (fake_slurm / "calls.txt").read_text().count("scancel")
    pruned = sweep("--prune")
    assert "pruned: 5 queued or running runs that the file no longer names" in pruned.stdout
    assert calls(fake_slurm, "scancel") == [["101_3"]]  # job 2 holds run 6, which is wanted
    (submission,) = Jobs(Path("runs/s")).submissions
    assert sorted(int(run.rpartition("-")[2]) for run in submission.cancelled()) == [7, 8, 9, 10, 11]
    (place / "s.yaml").write_text(SWEEP.format(seeds=8))
    assert sweep().stdout.splitlines()[0] == "8 runs: 0 done, 7 queued, 1 to run"


def test_cancel(place: Path, fake_slurm: Path) -> None:
    sweep()
    (fake_slurm / "squeue.txt").write_text("")
    assert harness("cancel", "s").stdout == "nothing to cancel: nothing runs or waits\n"
    (fake_slurm / "squeue.txt").unlink()
    refused = harness("cancel", "s")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "squeue does not answer" in refused.stderr
    for name in ("../s", "nothing", "a b"):
        for command in ("cancel", "retry", "status"):
            refused = harness(command, name)
            assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)


def test_cancel_finds_a_follow_up_that_was_submitted_meanwhile(
    place: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Job 101 is submitting one when it is told to end; 102 is in the queue at the next look."""
    Path("s.yaml").write_text(SWEEP.format(seeds=3))
    sweep()
    queue(fake_slurm, j101="RUNNING")

    def follow_up(_: float) -> None:
        if len(Jobs(Path("runs/s")).submissions) == 1:
            (fake_slurm / "squeue.txt").write_text("")
            sweep()
            queue(fake_slurm, j102="PENDING")
        else:
            (fake_slurm / "squeue.txt").write_text("")

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=follow_up)
    monkeypatch.setattr("harness.sweep.cancel.time", clock)
    assert harness("cancel", "s").stdout == "cancelled 2 jobs and 3 runs\n"
    assert calls(fake_slurm, "scancel") == [["101"], ["102"]]


def assert_cancel_stops(code: str) -> None:
    """A process that runs `code`, which prints "held" and waits for SIGTERM."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert harness("cancel", "s").stdout == f"stopped process {holder.pid}\n"
        assert holder.wait(10) == 0


def test_cancel_stops_a_supervisor_on_this_machine(place: Path) -> None:
    code = (
        "import pathlib, signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "from harness.runner.lock import lock\n"
        "with lock(pathlib.Path('runs/s'), 'sweep'):\n"
        "    print('held', flush=True)\n"
        "    signal.sigwait([signal.SIGTERM])\n"
    )
    assert_cancel_stops(code)


def test_cancel_stops_a_single_run(place: Path) -> None:
    """`harness run` locks its run's directory alone."""
    code = (
        "import os, pathlib, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "from harness.records import RunRecord\n"
        "from harness.runner.lock import lock\n"
        "record = RunRecord(pathlib.Path('runs/s/a2c/CartPole-v1/12345678/seed-0'))\n"
        "with lock(record.directory, 'run'):\n"
        "    record.create({'n_timesteps': 10}, 's')\n"
        "    record.set_status('running', timesteps=0, pid=os.getpid())\n"
        "    print('held', flush=True)\n"
        "    signal.sigwait([signal.SIGTERM])\n"
    )
    assert_cancel_stops(code)
    assert harness("cancel", "s").stdout == "nothing to cancel: nothing runs or waits\n"


def test_cancel_of_a_sweep_on_another_machine_names_it(place: Path) -> None:
    with lock(Path("runs/s"), "sweep 's'"):
        Path("runs/s/.lock").write_text("process 7 on a-node\n")
        refused = harness("cancel", "s")
    assert refused.exit_code == 2
    assert "is already being run by process 7 on a-node" in refused.stderr
    assert refused.stderr.endswith("; cancel it there\n")


def test_cancel_of_another_users_sweep_is_one_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr("harness.sweep.cancel.os.kill", kill)
    with lock(Path("runs/s"), "sweep 's'"):
        refused = harness("cancel", "s")
    said = f"sweep 's' is being run by process {os.getpid()} of another user; expected them to cancel it"
    assert (refused.exit_code, refused.stderr) == (2, f"harness: {said}\n")


def test_a_supervisor_that_ends_by_itself_meanwhile_is_cancelled(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = ExitStack()
    held.enter_context(lock(Path("runs/s"), "sweep 's'"))

    def kill(pid: int, number: int) -> None:
        held.close()
        raise ProcessLookupError

    monkeypatch.setattr("harness.sweep.cancel.os.kill", kill)
    assert harness("cancel", "s").stdout == f"stopped process {os.getpid()}\n"


def test_watch_stays_until_all_has_ended(place: Path) -> None:
    watched = sweep("--watch")  # nothing is in the acted queue, so that all has ended at once
    assert watched.stdout.splitlines()[1].startswith("submitted job 101: 4 jobs")
    assert "pending" in watched.stdout
    refused = harness("sweep", "s.yaml", "--watch")
    assert refused.stderr.startswith("harness: --watch: expected a cluster's profile")


def test_logs_follow_a_run_to_its_end(place: Path) -> None:
    sweep()
    record = seeds()[0]
    record.log_file.write_text("first\nsecond\n")
    set_status(record, "running")
    arguments = ["-m", "harness.cli", "logs", str(record.directory), "-n", "1", "-f"]
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "second\n"
        with record.log_file.open("a") as log:
            log.write("third\n")
        assert follower.stdout.readline() == "third\n"
        set_status(record, "done")
        assert follower.wait(30) == 0


def test_a_refused_submission_leaves_nothing_of_itself(place: Path, fake_slurm: Path) -> None:
    (fake_slurm / "sbatch.refuses").write_text(
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\n"
        "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy"
    )
    refused = sweep()
    assert refused.exit_code == 2
    assert refused.stderr.startswith("harness: profile p: ")
    assert "Job violates accounting/QOS policy" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert Jobs(Path("runs/s")).submissions == []
    (fake_slurm / "sbatch.refuses").unlink()
    assert "submitted job 101: 4 jobs" in sweep().stdout


@pytest.mark.usefixtures("no_slurm")
def test_no_slurm_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SWEEP.format(seeds=2))
    Path("p.yaml").write_text('walltime: "1:00:00"\n')
    refused = sweep()
    assert (refused.exit_code, refused.stderr) == (
        2,
        "harness: sinfo: not found; expected Slurm's programs on this machine's PATH\n",
    )
    assert find_runs(Path("runs")) == []
    assert "to start on ./p.yaml: 2 runs in 2 jobs, 1 array (2)" in sweep("--dry-run").stdout


def test_two_at_once(place: Path) -> None:
    with lock(Path("runs/s"), "sweep 's'"):
        refused = sweep()
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"harness: sweep 's' is already being run by process {os.getpid()} on ")


@pytest.mark.parametrize("name", ["%j", "a\nb", "a\\b"])
def test_signs_that_slurm_reads_otherwise_are_refused_in_the_runs_directory(name: str, place: Path) -> None:
    refused = sweep("--runs-dir", name)
    assert refused.exit_code == 2
    assert f"expected no {name[-2 if name != '%j' else 0]!r} in it" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (Path(name) / "s/.slurm").exists()


def test_a_file_that_is_edited_while_watched(
    place: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read at the start is carried out; the edit is the next call's."""
    with Path("p.yaml").open("a") as profile:
        profile.write("max_jobs: 3\n")
    monkeypatch.setattr("harness.commands.feed.AGAIN_SECONDS", 0.0)
    edits = iter([SWEEP.format(seeds=2), "no: [yaml"])

    def edit(_: float) -> None:
        Path("s.yaml").write_text(next(edits, "gone"))

    monkeypatch.setattr("harness.commands.status.time", SimpleNamespace(sleep=edit))
    watched = sweep("--watch")
    assert watched.exit_code == 0, watched.output
    assert [len(s.content["shares"]) for s in Jobs(Path("runs/s")).submissions] == [3, 1]
    assert sorted(seeds()) == list(range(12))
    Path("s.yaml").write_text(SWEEP.format(seeds=2))
    assert sweep("--dry-run").stdout.count("no longer in the file: ") == 10


def test_fresh_drops_checkpoints_at_submission(place: Path) -> None:
    sweep()
    record = seeds()[0]
    checkpoint = record.checkpoints_directory / "00000010"
    checkpoint.mkdir(parents=True)
    set_status(record, "preempted")
    sweep()
    assert checkpoint.exists()
    set_status(record, "preempted")
    sweep("--fresh")
    assert not checkpoint.exists()
    assert record.status()["timesteps"] == 0
    assert (
        "--fresh"
        not in json.loads((Path("runs/s/.slurm") / newest() / "share-0000.json").read_text())["options"]
    )
