"""Sweeps on a real Slurm: two nodes with two pretended GPUs each, on this machine. MaxArraySize is 5."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.looks import read_looks
from harness.records import RunRecord, find_runs
from harness.runner.compare import compare
from harness.sweep.cancel import cancel_sweep
from harness.sweep.plan import PlannedRun, plan_run
from harness.sweep.slurm.backend import Target
from harness.sweep.slurm.profile import Profile
from harness.sweep.slurm.submissions import Jobs, Submission
from harness.sweep.slurm.submit import submit_runs
from harness.sweep.state import found_state
from tests.harness.sweep.slurm.real import hold_in_training, let_go_once_told, slurm, start_now, wait_until

COUNTING = Path(__file__).parents[1] / "counting_worker.py"
SCORING = COUNTING.with_name("scoring_worker.py")
MakeRun = Callable[..., PlannedRun]
MakeProfile = Callable[..., Profile]

SWEEP = """
n_timesteps: 200
seeds: 4
envs: [CartPole-v1]
algos: {a2c: {hyperparameters: {n_steps: 20}}, acktr: {hyperparameters: {n_steps: 20}}}
device: cpu
"""
PROFILE = """
partition: gpu
walltime: "0:10:00"
gpus_per_job: 1
runs_per_gpu: 2
runs_per_job: 2
"""


INTERRUPTED = """
n_timesteps: 10_000
seeds: 5
envs: [CartPole-v1]
algos: {acktr: {hyperparameters: {n_steps: 20}}}
device: cpu
checkpoint_seconds: 1
"""

SEQUENTIAL = (Path(__file__).parents[1] / "sequential.yaml").read_text(encoding="utf-8")


def submit(runs: Sequence[PlannedRun], profile: Profile) -> list[tuple[Submission, str]]:
    directory = runs[0].record.directory.parents[3]
    packing = Target(profile, "s", directory).pack(runs, {})
    return list(submit_runs(packing.arrays, directory, "s", profile, [], runner=[str(COUNTING)]))


def state_of(run: PlannedRun) -> str:
    return found_state(run.record, Jobs(run.record.directory.parents[3]).of)[0]


def counting(run: PlannedRun) -> bool:
    status = run.record.status_file
    return status.exists() and run.record.status().get("steps_per_second") == 10.0


def journal(run: PlannedRun) -> list[list[str]]:
    return [line.split() for line in (run.record.directory / "journal.txt").read_text().splitlines()]


def wait_for_done(runs: Sequence[PlannedRun]) -> None:
    wait_until(lambda: all(run.record.status()["state"] == "done" for run in runs), "done")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_equals_the_local_one(cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """8 runs, two on a GPU, in one array."""
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SWEEP)
    Path("profile.yaml").write_text(PROFILE)
    arguments = ["sweep", "s.yaml", "--backend", "./profile.yaml"]
    submitted = CliRunner().invoke(app, arguments)
    assert submitted.exit_code == 0, submitted.output
    lines = submitted.stdout.splitlines()
    assert lines[0] == "8 runs: 0 done, 8 to run"
    assert [line.partition(": ")[2].split(",")[0] for line in lines[1:]] == ["4 jobs"]
    again = CliRunner().invoke(app, arguments)
    assert "8 to run" not in again.stdout  # they are queued, or run
    assert "submitted" not in again.stdout
    records = find_runs(Path("runs/s"))
    wait_until(lambda: all(r.status()["state"] in ("done", "failed") for r in records), "all ended", 280)
    local = CliRunner().invoke(app, ["sweep", "s.yaml", "--jobs", "2", "--runs-dir", "local"])
    assert local.exit_code == 0, local.output
    for record in records:
        other = RunRecord(Path("local") / record.directory.relative_to("runs"))
        assert record.episodes()["return"].size > 0
        assert [found for found in compare(other, record, 0) if found.difference] == []
        assert len(record.attempts) == 1
    assert "nothing to do: all 8 runs are done" in CliRunner().invoke(app, arguments).stdout


def test_sequential_seeds_call_by_call(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve runs, a look, four more of the two agents whose comparison is open, and the last look."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "harness.sweep.slurm.backend.submit_runs", partial(submit_runs, runner=[str(SCORING)])
    )
    Path("s.yaml").write_text(SEQUENTIAL)
    Path("profile.yaml").write_text(PROFILE)

    def call() -> list[str]:
        done = CliRunner().invoke(app, ["sweep", "s.yaml", "--backend", "./profile.yaml"])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    def looks() -> dict[str, list[tuple[int, str]]]:
        record = read_looks(Path("runs/s"))
        assert record is not None
        return {one.agent: [(look.seeds, look.decision) for look in one.looks] for one in record.comparisons}

    def wait() -> None:
        records = find_runs(Path("runs/s"))
        wait_until(lambda: all(r.status()["state"] in ("done", "failed") for r in records), "ended", 280)

    follows = "open: call it again when these runs have ended, or with --watch, to go on"
    first = call()
    assert first[:2] == ["12 runs: 0 done, 12 to run", "2 comparisons: 2 open, next look at 4 seeds"]
    assert first[-1] == f"2 comparisons {follows}"
    assert len(Jobs(Path("runs/s")).submissions) == 2  # MaxArraySize
    call()  # too early
    assert len(Jobs(Path("runs/s")).submissions) == 2
    assert looks() == {"better": [], "alike": []}
    wait()
    second = call()
    assert "look at 4 seeds: better - a2c on CartPole-v1: 45 (decides from 45): higher" in second
    assert second[-1] == f"1 comparison {follows}"
    assert looks() == {"better": [(4, "higher")], "alike": [(4, "open")]}
    added = Jobs(Path("runs/s")).submissions[2:]
    runs = [run.split("/") for s in added for share in s.content["shares"] for run in share["runs"]]
    assert {(run[0], run[-1]) for run in runs} == {(a, f"seed-{s}") for a in ("a2c", "alike") for s in (4, 5)}
    wait()
    third = call()
    assert third[-1] == "2 comparisons: 1 decided, 1 undecided at the last look"
    assert looks() == {"better": [(4, "higher")], "alike": [(4, "open"), (6, "undecided")]}
    assert len(Jobs(Path("runs/s")).submissions) == 3
    assert [len(record.attempts) for record in find_runs(Path("runs/s"))] == [1] * 16


def test_interruptions(cluster: Path, counting_run: MakeRun, profile: MakeProfile) -> None:
    """USR2, an administrator's requeue, a killed worker, a killed slurmd: all runs end once, none anew."""
    runs = [counting_run(seed, 200) for seed in range(4)]
    ((submission, array),) = submit(runs, profile(gpus_per_job=1, runs_per_job=1, cpus_per_run=2))
    wait_until(lambda: all(map(counting, runs)), "all count")
    # Each node has GPUs 0 and 1.
    assert sorted(journal(run)[0][0] for run in runs) == ["0", "0", "1", "1"]
    assert {journal(run)[0][1] for run in runs} == {"2"}

    usr2, requeued, worker, daemon = runs
    restart_slurmd(cluster, slurm("squeue", "-h", "-j", f"{array}_3", "-o", "%N").strip())
    os.kill(int(worker.record.status()["pid"]), signal.SIGKILL)
    slurm("scancel", "--signal=USR2", f"{array}_0")
    slurm("scontrol", "requeue", f"{array}_1")

    wait_until(lambda: state_of(usr2) == "queued", "put back")
    start_now(f"{array}_0", f"{array}_1")
    wait_for_done(runs)
    wait_until(lambda: not slurm("squeue", "-h", "-j", array).strip(), "no job is left")
    for run in (usr2, requeued):
        first, second = journal(run)
        assert int(first[2]) == 0 < int(second[2]) < 200
    assert len(journal(worker)) == 2
    assert len(journal(daemon)) == 1
    shares = [share.with_suffix(".starts").read_text() for share, _ in submission.shares]
    assert [len(text.split()) for text in shares] == [2, 2, 1, 1]

    def accounted() -> dict[str, str]:
        lines = slurm("sacct", "-n", "-P", "-X", "-j", array, "-o", "JobID,State").splitlines()
        return dict(line.split("|") for line in lines)

    expected = {f"{array}_{index}": "COMPLETED" for index in range(4)}
    wait_until(lambda: accounted() == expected, "accounting has heard of it")


def restart_slurmd(conf: Path, node: str) -> None:
    daemon = slurmd(conf, node)
    command = daemon.cmdline()
    daemon.kill()
    wait_until(lambda: not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE, "killed")
    start_slurmd(conf, node, command)


def slurmd(conf: Path, node: str) -> psutil.Process:
    return psutil.Process(int(conf.with_name(f"{node}.pid").read_text().split()[0]))


def start_slurmd(conf: Path, node: str, command: Sequence[str]) -> None:
    """Start it again, and note it where `devcluster down` looks for it."""
    with conf.with_name(f"{node}.out").open("ab") as out:
        again = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, cwd="/")
    began = Path(f"/proc/{again.pid}/stat").read_text().rpartition(")")[2].split()[19]
    conf.with_name(f"{node}.pid").write_text(f"{again.pid} {began}")
    port = re.search(rf"^NodeName={node} .* Port=(\d+) ", conf.read_text(), re.MULTILINE)
    assert port is not None
    with socket.socket() as probe:
        wait_until(lambda: probe.connect_ex(("127.0.0.1", int(port[1]))) == 0, "slurmd is back")
    wait_until(lambda: "*" not in slurm("sinfo", "-h", "-n", node, "-o", "%t"), "the node answers")


def test_where_a_job_must_not_be_put_back_a_follow_up_is_submitted(
    cluster: Path, counting_run: MakeRun, profile: MakeProfile
) -> None:
    done, open_ = runs = [counting_run(0, 2), counting_run(1, 60)]
    ((_, first),) = submit(runs, profile(requeue=False, runs_per_job=2))
    wait_until(lambda: counting(open_) and done.record.status()["state"] == "done", "one is done")
    slurm("scancel", "--signal=USR2", first)
    wait_for_done(runs)
    directory = open_.record.directory.parents[3]
    submissions = Jobs(directory).submissions
    assert [len(job[1]) for submission in submissions for job in submission.shares] == [2, 1]
    assert len(journal(done)) == 1
    assert [int(line[2]) > 0 for line in journal(open_)] == [False, True]


def test_a_killed_supervisor_takes_its_workers_along_and_its_runs_go_on(
    cluster: Path, counting_run: MakeRun, profile: MakeProfile
) -> None:
    run = counting_run(0, 40)
    ((_, first),) = submit([run], profile())
    wait_until(lambda: counting(run), "counts")
    worker = psutil.Process(int(run.record.status()["pid"]))
    supervisor = worker.parent()
    assert supervisor is not None
    supervisor.kill()
    wait_until(
        lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "the worker is gone"
    )
    wait_until(lambda: not slurm("squeue", "-h", "-j", first).strip(), "the job has ended")
    assert state_of(run) == "preempted"  # its process is known to be gone: this is its machine
    submit([run], profile())
    assert state_of(run) in ("queued", "running")
    wait_for_done([run])


def test_cancel_leaves_no_process_and_no_job(
    cluster: Path, counting_run: MakeRun, profile: MakeProfile, tmp_path: Path
) -> None:
    """One job runs, two of its runs at a time; another never starts."""
    running = [counting_run(seed, 600) for seed in range(3)]
    waiting = counting_run(9, 600)
    ((_, first),) = submit(running, profile(gpus_per_job=1, runs_per_gpu=2, runs_per_job=3))
    ((_, never),) = submit([waiting], profile(options={"begin": "now+1hour"}))
    wait_until(lambda: sum(map(counting, running)) == 2, "two count")
    assert [state_of(run) for run in (*running, waiting)] == ["running", "running", "queued", "queued"]
    pids = [int(run.record.status()["pid"]) for run in running[:2]]
    cancelled = cancel_sweep(tmp_path / "runs", "s", wait=60)
    assert set(cancelled.jobs) == {first, never}
    assert (cancelled.n_runs, cancelled.remaining) == (4, ())
    wait_until(lambda: not slurm("squeue", "-h", "-j", f"{first},{never}").strip(), "no job is left", 30)
    wait_until(lambda: not any(map(psutil.pid_exists, pids)), "no process is left", 10)
    assert [state_of(run) for run in (*running, waiting)] == ["preempted", "preempted", "pending", "pending"]
    assert not (waiting.record.directory / "journal.txt").exists()


def test_nothing_of_a_directory_s_name_reaches_a_shell(
    cluster: Path,
    counting_run: MakeRun,
    profile: MakeProfile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / 'it\'s $(touch here); `touch here` "q" & é'
    runs = [plan_run(counting_run(seed, 2).spec, directory, "s") for seed in range(2)]
    submit(runs, profile())
    wait_for_done(runs)
    assert [path.name for path in tmp_path.iterdir()] == [directory.name]


def test_a_partition_that_does_not_exist(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SWEEP)
    Path("p.yaml").write_text(PROFILE.replace("partition: gpu", "partition: gpus"))
    refused = CliRunner().invoke(app, ["sweep", "s.yaml", "--backend", "./p.yaml"])
    assert refused.exit_code == 2
    assert refused.stderr == (
        "harness: profile p: partition: this cluster has no 'gpus'; expected one of gpu; "
        "did you mean 'gpu'?\n"
    )
    assert find_runs(Path("runs")) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_interrupted_runs_equal_whole_ones(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real worker, interrupted in every way in the middle of its training, one way a job."""
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(INTERRUPTED)
    Path("profile.yaml").write_text('partition: gpu\nwalltime: "0:20:00"\n')
    arguments = ["sweep", "s.yaml", "--backend", "./profile.yaml"]
    submitted = CliRunner().invoke(app, arguments)
    assert submitted.exit_code == 0, submitted.output
    (submission,) = Jobs(Path("runs/s")).submissions
    array = str(submission.content["job_id"])
    records = find_runs(Path("runs/s"))
    usr2, _, worker, supervisor, daemon = pids = hold_in_training(records)

    restart_slurmd(cluster, slurm("squeue", "-h", "-j", f"{array}_4", "-o", "%N").strip())
    os.kill(daemon, signal.SIGCONT)
    os.kill(worker, signal.SIGKILL)
    its_parent = psutil.Process(supervisor).parent()
    assert its_parent is not None
    its_parent.kill()
    slurm("scancel", "--signal=USR2", f"{array}_0")
    slurm("scontrol", "requeue", f"{array}_1")  # which continues and ends what it finds
    let_go_once_told([usr2])
    start_now(f"{array}_0", f"{array}_1")
    wait_until(lambda: not slurm("squeue", "-h", "-j", f"{array}_3").strip(), "its job has ended")
    again = CliRunner().invoke(app, arguments)
    assert again.stdout.splitlines()[0].endswith("1 to run (1 preempted before)"), again.output

    wait_until(lambda: all(r.status()["state"] in ("done", "failed") for r in records), "all ended", 280)
    assert not any(map(psutil.pid_exists, pids))
    rarely = ["--set", "checkpoint_seconds=600"]
    local = CliRunner().invoke(app, ["sweep", "s.yaml", "--runs-dir", "local", *rarely])
    assert local.exit_code == 0, local.output
    for record in records:
        other = RunRecord(Path("local") / record.directory.relative_to("runs"))
        assert [found for found in compare(other, record, 0) if found.difference] == []
    resumed = [[attempt["resumed_at"] > 0 for attempt in record.attempts] for record in records]
    assert resumed == [[False, True]] * 4 + [[False]]


@pytest.mark.slow
def test_a_short_walltime(cluster: Path, counting_run: MakeRun, profile: MakeProfile) -> None:
    """Two minutes, of which Slurm's signal takes one: the run is put back and ends in its second job."""
    run = counting_run(0, 1500)
    ((submission, job_id),) = submit([run], profile(walltime="0:02:00", signal_seconds=60))
    wait_until(lambda: counting(run), "counts")
    wait_until(lambda: state_of(run) == "queued", "out of time", 180)
    start_now(job_id)
    wait_until(lambda: len(journal(run)) == 2, "goes on")
    assert int(journal(run)[1][2]) > 0
    cancel_sweep(submission.directory.parents[2], "s")


@pytest.mark.slow
def test_a_node_that_dies(cluster: Path, counting_run: MakeRun, profile: MakeProfile) -> None:
    """slurmd, step and worker are killed: Slurm puts the job back, and the run ends on the other node."""
    run = counting_run(0, 100)
    ((_, job_id),) = submit([run], profile(gpus_per_job=1))
    wait_until(lambda: counting(run), "counts")
    node = slurm("squeue", "-h", "-j", job_id, "-o", "%N").strip()
    daemon = slurmd(cluster, node)
    worker = psutil.Process(int(run.record.status()["pid"]))
    steps = [p for p in worker.parents() if p.name() == "slurmstepd"]
    command = daemon.cmdline()
    for process in (daemon, *steps, worker):
        process.kill()
    try:
        wait_until(lambda: "PENDING" in slurm("squeue", "-h", "-j", job_id, "-o", "%T"), "put back", 200)
        start_now(job_id)
        wait_for_done([run])
        assert len(journal(run)) == 2
    finally:
        start_slurmd(cluster, node, command)


def test_a_second_cluster_in_the_same_directory_is_refused(cluster: Path) -> None:
    script = Path(__file__).parents[4] / "slurm" / "devcluster"
    refused = subprocess.run(
        [sys.executable, str(script), "up", "--dir", str(cluster.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr == f"devcluster: {cluster.parent} exists; expected none, or `down` first\n"
    assert "UP" in slurm("scontrol", "ping")
