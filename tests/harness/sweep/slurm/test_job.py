"""What a job does with its share, here in this process; the scheduler's commands are acted."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.records import read_json, write_json
from harness.sweep.plan import PlannedRun
from harness.sweep.slurm.code import code_now
from harness.sweep.slurm.commands import SlurmError
from harness.sweep.slurm.job import MAX_IDLE_STARTS, Share, run_share
from harness.sweep.slurm.packing import PackedJob
from harness.sweep.slurm.profile import Profile
from harness.sweep.slurm.submissions import Jobs, Submission
from harness.sweep.slurm.submit import submit_runs
from harness.sweep.worker import THREAD_VARIABLES

COUNTING = Path(__file__).parents[1] / "counting_worker.py"
MakeRun = Callable[..., PlannedRun]
MakeProfile = Callable[..., Profile]


@pytest.fixture
def submitted(
    fake_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Sequence[PlannedRun], Profile], Submission]:
    """Submit runs as one job, and be that job."""
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")

    def submit(runs: Sequence[PlannedRun], profile: Profile) -> Submission:
        directory = runs[0].record.directory.parents[3]
        ((submission, job_id),) = submit_runs(
            [[PackedJob(tuple(runs))]], directory, "s", profile, [], runner=[str(COUNTING)]
        )
        monkeypatch.setenv("SLURM_JOB_ID", job_id)
        return submission

    return submit


Submit = Callable[[Sequence[PlannedRun], Profile], Submission]


def run_here(submission: Submission) -> int:
    return Share(submission.directory / "share-0000.json").run()


def signal_once_counting(run: PlannedRun, number: signal.Signals) -> threading.Thread:
    def interrupt() -> None:
        while run.record.status().get("steps_per_second") is None:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


def calls(fake_slurm: Path) -> list[list[str]]:
    return [json.loads(line) for line in (fake_slurm / "calls.txt").read_text().splitlines()]


def test_a_share_is_run(submitted: Submit, counting_run: MakeRun, profile: MakeProfile) -> None:
    runs = [counting_run(seed, 2) for seed in range(3)]
    assert run_here(submitted(runs, profile(runs_per_job=3, cpus_per_run=2))) == 0
    assert [run.record.status()["state"] for run in runs] == ["done"] * 3
    journals = [(run.record.directory / "journal.txt").read_text().split() for run in runs]
    assert [(threads, start) for _, threads, start, _ in journals] == [("2", "0")] * 3


def test_other_code_than_at_submission_is_refused(
    submitted: Submit, counting_run: MakeRun, profile: MakeProfile
) -> None:
    run = counting_run(0, 2)
    submission = submitted([run], profile())
    path = submission.directory / "share-0000.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "code": {**content["code"], "digest": "0" * 16}}))
    assert run_here(submission) == 78
    status = run.record.status()
    assert status["state"] == "failed"
    assert status["error"] == "the code is not that of the submission: other code; submit again"
    assert not (run.record.directory / "journal.txt").exists()


def test_code_that_changes_while_the_job_runs_is_refused_by_the_next_run(
    submitted: Submit, counting_run: MakeRun, profile: MakeProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run at a time: the first is done with the code of the submission, the second is not begun."""
    first, second = runs = [counting_run(seed, 3) for seed in range(2)]
    submission = submitted(runs, profile(gpus_per_job=1, runs_per_job=2))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    code = json.loads((submission.directory / "share-0000.json").read_text())["code"]

    def now(agents: set[str]) -> dict[str, object]:
        assert agents == {"a2c"}
        begun = (first.record.directory / "journal.txt").exists()
        return {**code, "digest": "0" * 16} if begun else code

    monkeypatch.setattr("harness.sweep.slurm.job.code_now", now)
    assert run_here(submission) == 1
    assert first.record.status()["state"] == "done"
    status = second.record.status()
    assert status["state"] == "failed"
    assert status["error"] == (
        "could not be started: the code is not that of the submission: other code; submit again"
    )
    assert not (second.record.directory / "journal.txt").exists()


def test_other_packages_code_is_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent's and an environment's package, found without importing them."""
    for name, group in (("their_agent", "harness.algos"), ("their_env", "harness.envs")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported')\n")
        (tmp_path / name / "inner.py").write_text("x = 1\n")
        facts = tmp_path / f"{name}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}.inner:Thing\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def digests() -> tuple[str, str]:
        return code_now(["their_agent"])["digest"], code_now(["a2c"])["digest"]

    with_it, without = digests()
    (tmp_path / "their_agent" / "inner.py").write_text("x = 2\n")
    assert digests() != (with_it, without)
    assert digests()[1] == without  # its runs do not depend on the agent
    (tmp_path / "their_env" / "inner.py").write_text("x = 2\n")
    assert digests()[1] != without


@pytest.mark.parametrize(("number", "put_back"), [(signal.SIGUSR2, True), (signal.SIGTERM, False)])
def test_usr2_puts_the_job_back_and_term_does_not(
    number: signal.Signals,
    put_back: bool,
    submitted: Submit,
    counting_run: MakeRun,
    profile: MakeProfile,
    fake_slurm: Path,
) -> None:
    run = counting_run(0, 600)
    submission = submitted([run], profile())
    thread = signal_once_counting(run, number)
    assert run_here(submission) == 75
    thread.join()
    assert run.record.status()["state"] == "preempted"
    assert (["scontrol", "requeue", "101"] in calls(fake_slurm)) == put_back


def test_a_requeue_that_is_refused_becomes_a_follow_up(
    submitted: Submit, counting_run: MakeRun, profile: MakeProfile, fake_slurm: Path
) -> None:
    run = counting_run(0, 600)
    submission = submitted([run], profile())
    told = submission.directory / "submission.json"
    write_json(told, {**read_json(told), "backend": "/mine/test.yaml"})
    (fake_slurm / "scontrol.refuses").write_text("Requested operation is presently disabled for job 101")
    thread = signal_once_counting(run, signal.SIGUSR2)
    assert run_here(submission) == 75
    thread.join()
    submissions = Jobs(run.record.directory.parents[3]).submissions
    assert [s.content["job_id"] for s in submissions] == ["101", "102"]
    assert [s.content["backend"] for s in submissions] == ["/mine/test.yaml"] * 2


def test_a_cancelled_run_is_not_put_back(
    submitted: Submit, counting_run: MakeRun, profile: MakeProfile, fake_slurm: Path
) -> None:
    run = counting_run(0, 600)
    submission = submitted([run], profile())

    def cancel() -> None:
        while run.record.status().get("steps_per_second") is None:
            time.sleep(0.02)
        submission.cancel(submission.content["shares"][0]["runs"])
        os.kill(os.getpid(), signal.SIGUSR2)

    thread = threading.Thread(target=cancel)
    thread.start()
    assert run_here(submission) == 0
    thread.join()
    assert run.record.status()["state"] == "preempted"
    assert ["scontrol", "requeue", "101"] not in calls(fake_slurm)


def test_a_job_that_is_cancelled_while_it_is_put_back_has_no_follow_up(
    submitted: Submit, counting_run: MakeRun, profile: MakeProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm refuses to put a cancelled job back; that is no reason to submit another."""
    run = counting_run(0, 600)
    submission = submitted([run], profile())

    def refused(job_id: str) -> None:
        submission.cancel(submission.content["shares"][0]["runs"])
        raise SlurmError("scontrol: Job/step already completing or completed")

    monkeypatch.setattr("harness.sweep.slurm.job.requeue", refused)
    thread = signal_once_counting(run, signal.SIGUSR2)
    assert run_here(submission) == 75
    thread.join()
    assert len(Jobs(run.record.directory.parents[3]).submissions) == 1


def test_a_run_that_never_comes_further_is_not_put_back_for_ever(
    submitted: Submit, counting_run: MakeRun, profile: MakeProfile, fake_slurm: Path
) -> None:
    run = counting_run(0, 10**6)
    submission = submitted([run], profile())
    # So many starts from where the run will not get in this one either.
    (submission.directory / "share-0000.starts").write_text(f"{10**5}\n" * (MAX_IDLE_STARTS - 1))
    run.record.set_status("pending", timesteps=10**5, n_timesteps=10**6)
    thread = signal_once_counting(run, signal.SIGUSR2)
    assert run_here(submission) == 1
    thread.join()
    status = run.record.status()
    assert status["state"] == "failed"
    assert "was started 5 times and this run came no further" in status["error"]
    assert ["scontrol", "requeue", "101"] not in calls(fake_slurm)


def test_gpus_that_were_not_given(
    submitted: Submit, counting_run: MakeRun, profile: MakeProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = counting_run(0, 1)
    submission = submitted([run], profile(gpus_per_job=2))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(RuntimeError, match="names 1 GPUs, expected 2"):
        run_here(submission)
    assert run.record.status()["state"] == "pending"


@pytest.mark.parametrize(("number", "put_back"), [(signal.SIGUSR2, True), (signal.SIGTERM, False)])
def test_a_signal_before_the_supervisor_listens(
    number: signal.Signals,
    put_back: bool,
    submitted: Submit,
    counting_run: MakeRun,
    profile: MakeProfile,
    fake_slurm: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = counting_run(0, 2)
    submission = submitted([run], profile())

    def interrupted(agents: set[str]) -> dict[str, object]:
        os.kill(os.getpid(), number)
        return {}

    monkeypatch.setattr("harness.sweep.slurm.job.code_now", interrupted)
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGUSR2, signal.SIGCONT)}
    try:
        with pytest.raises(SystemExit) as ended:
            run_share(str(submission.directory / "share-0000.json"))
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert ended.value.code == 75
    assert (["scontrol", "requeue", "101"] in calls(fake_slurm)) == put_back
    assert run.record.status()["state"] == "pending"
