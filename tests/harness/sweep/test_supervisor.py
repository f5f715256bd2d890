"""Workers are started, limited, judged and stopped; played by a small script instead of training."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from harness.records import RunRecord, State, find_runs
from harness.sweep.plan import PlannedRun
from harness.sweep.supervisor import Observer, supervise
from harness.sweep.worker import THREAD_VARIABLES, Command, NotStarted, runner_command

MakeRun = Callable[..., PlannedRun]
SCRIPT = Path(__file__).with_name("supervise_fakes.py")


class Events(Observer):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.most_running = 0
        self.closed = 0

    def started(self, run: PlannedRun) -> None:
        self.lines.append(f"start {run.spec.seed}")

    def ended(self, run: PlannedRun, state: State, error: str | None) -> None:
        self.lines.append(f"{state} {run.spec.seed}")

    def skipped(self, run: PlannedRun, state: State) -> None:
        self.lines.append(f"skip {run.spec.seed} {state}")

    def tick(self, running: Sequence[PlannedRun], n_waiting: int) -> None:
        self.most_running = max(self.most_running, len(running))

    def close(self) -> None:
        self.closed += 1


def intervals(runs: Sequence[PlannedRun]) -> list[tuple[float, float]]:
    """When each worker started and ended, by its own account."""
    found = []
    for run in runs:
        lines = (run.record.directory / "journal.txt").read_text().split()
        found.append((float(lines[1]), float(lines[3])))
    return found


def most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_more_than_jobs_workers_at_once(jobs: int, fake_run: MakeRun, fake_command: Command) -> None:
    runs = [fake_run(seed, seconds=0.3) for seed in range(4)]
    events = Events()
    outcome = supervise(runs, fake_command, jobs=jobs, observer=events, poll=0.02)
    assert outcome.exit_code == 0
    assert len(outcome.runs("done")) == 4
    assert most_at_once(intervals(runs)) == jobs
    assert events.most_running == jobs
    assert [line for line in events.lines if line.startswith("start")] == [f"start {k}" for k in range(4)]
    assert events.closed == 1


def test_a_failing_run_does_not_stop_the_others(fake_run: MakeRun, fake_command: Command) -> None:
    ends = ["fail", "done", "crash", "kill", "lie", "done"]
    runs = [fake_run(seed, end=end) for seed, end in enumerate(ends)]
    outcome = supervise(runs, fake_command, jobs=1, poll=0.02)
    assert outcome.exit_code == 1
    assert [run.spec.seed for run, _ in outcome.runs("done")] == [1, 5]
    errors = {run.spec.seed: error for run, error in outcome.runs("failed")}
    assert errors == {
        0: "ValueError: told to fail",
        2: "exit code 3: Traceback: the last words",
        3: "the worker was killed by SIGKILL (out of memory?)",
        4: "the worker ended without finishing (state 'running')",
    }
    for run in runs:
        status = run.record.status()
        assert status["state"] == ("done" if ends[run.spec.seed] == "done" else "failed")
        assert status["error"] == errors.get(run.spec.seed)
    assert runs[3].record.status()["timesteps"] == 50  # what was known of it is kept


def test_a_worker_that_cannot_be_started_is_a_failed_run(fake_run: MakeRun, fake_command: Command) -> None:
    blocked, fine = fake_run(0), fake_run(1)
    blocked.record.directory.parent.mkdir(parents=True)
    blocked.record.directory.write_text("a file in its place")
    outcome = supervise([blocked, fine], fake_command, jobs=1, poll=0.02)
    assert [run.spec.seed for run, _ in outcome.runs("done")] == [1]
    ((run, error),) = outcome.runs("failed")
    assert run is blocked
    assert error is not None
    assert error.startswith("could not be started: ")


def test_a_command_that_does_not_exist_is_a_failed_run(fake_run: MakeRun) -> None:
    run = fake_run(0)
    outcome = supervise([run], lambda directory: ["/nowhere/python"], jobs=1, poll=0.02)
    assert outcome.exit_code == 1
    assert "No such file" in str(run.record.status()["error"])


def test_a_run_that_is_not_to_be_started_says_why_in_its_record(fake_run: MakeRun) -> None:
    def command(directory: Path) -> list[str]:
        raise NotStarted("not today")

    run = fake_run(0)
    run.record.create(run.spec.to_json(), "s")
    outcome = supervise([run], command, jobs=1, poll=0.02)
    assert outcome.runs("failed") == [(run, "could not be started: not today")]
    status = run.record.status()
    assert (status["state"], status["error"]) == ("failed", "could not be started: not today")
    assert status["n_timesteps"] == run.spec.n_timesteps


def test_another_start_leaves_the_record_for_the_worker_to_go_on_with(
    fake_run: MakeRun, fake_command: Command
) -> None:
    supervise([fake_run(0, end="fail")], fake_command, jobs=1, poll=0.02)
    run = fake_run(0, end="fail")
    assert run.found == "failed"
    run.record.begin_attempt({"python": "earlier"})
    run.record.episodes_file.write_text("old")
    supervise([run], fake_command, jobs=1, poll=0.02)
    assert run.record.log_file.read_text().count("fake worker 0 1") == 2
    assert run.record.episodes_file.read_text() == "old"
    assert run.record.provenance == {"python": "earlier"}


@pytest.mark.parametrize(
    ("end", "state", "error"),
    [
        ("busy", "failed", "another worker is at this run"),
        ("term", "preempted", "stopped by SIGTERM"),
    ],
)
def test_what_an_exit_code_means(
    fake_run: MakeRun, fake_command: Command, end: str, state: State, error: str
) -> None:
    run = fake_run(0, end=end)
    outcome = supervise([run], fake_command, jobs=1, poll=0.02)
    assert outcome.runs(state) == [(run, error)]
    # A worker that found another at work does not touch that one's status.
    assert run.record.status()["state"] == ("running" if end == "busy" else state)


def test_a_workers_options() -> None:
    plain = runner_command("cpu")(Path("d"))
    assert plain[1:] == ["-m", "harness.runner", "d", "--device", "cpu"]
    command = runner_command("cuda", checkpoint_seconds=0.0, fresh=True, allow_code_change=True)(Path("d"))
    assert command[4:] == [
        "--device",
        "cuda",
        "--checkpoint-seconds",
        "0.0",
        "--fresh",
        "--allow-code-change",
    ]


def test_a_crashed_run_does_not_begin_anew_twice(tmp_path: Path) -> None:
    record = RunRecord(tmp_path / "run")
    record.create({"n_timesteps": 10}, None)
    record.begin_attempt({})
    command = runner_command("cpu", fresh=True)
    assert "--fresh" in command(record.directory)
    assert "--fresh" in command(record.directory)  # the first died before it had begun
    record.begin_attempt({})
    assert "--fresh" not in command(record.directory)


def test_thread_limits_are_one_unless_set(
    fake_run: MakeRun, fake_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    first, second = fake_run(0), fake_run(1)
    supervise([first], fake_command, jobs=1, poll=0.02)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    supervise([second], fake_command, jobs=1, poll=0.02)
    assert "fake worker 0 1\n" in first.record.log_file.read_text()
    assert "fake worker 1 3\n" in second.record.log_file.read_text()


def test_runs_done_or_begun_by_others_meanwhile_are_skipped(fake_run: MakeRun, fake_command: Command) -> None:
    done, begun, open_ = fake_run(0), fake_run(1), fake_run(2)
    supervise([done], fake_command, jobs=1, poll=0.02)
    begun.record.create(begun.spec.to_json(), "s")
    begun.record.set_status("running", timesteps=5, pid=os.getpid())
    events = Events()
    outcome = supervise([done, begun, open_], fake_command, jobs=1, observer=events, poll=0.02)
    assert events.lines == ["skip 0 done", "skip 1 running", "start 2", "done 2"]
    assert (outcome.n_skipped, outcome.exit_code) == (2, 0)


def test_children_of_a_worker_end_with_it(fake_run: MakeRun, fake_command: Command) -> None:
    run = fake_run(0, end="child")
    supervise([run], fake_command, jobs=1, poll=0.02)
    assert_gone(int((run.record.directory / "child.txt").read_text()))


def test_jobs_must_be_positive(fake_command: Command) -> None:
    with pytest.raises(ValueError, match="jobs must be at least 1, got 0"):
        supervise([], fake_command, jobs=0)


def test_the_runner_is_started_with_this_python() -> None:
    command = runner_command("cuda")(Path("runs/x"))
    assert command == [sys.executable, "-m", "harness.runner", "runs/x", "--device", "cuda"]


def assert_gone(pid: int, seconds: float = 10.0) -> None:
    """Wait until the process is no more (or a zombie that only awaits its parent)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} is still there")


class Supervisor:
    """The supervisor in a process of its own, so that it can be sent signals."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self.process: subprocess.Popen[str] | None = None

    def start(self, *settings: dict[str, object], jobs: int = 2, grace: float = 15.0) -> None:
        arguments = [str(self.runs_dir), str(jobs), str(grace), *(json.dumps(one) for one in settings)]
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )

    def records(self) -> list[RunRecord]:
        return find_runs(self.runs_dir)

    def wait_for_workers(self, count: int) -> list[int]:
        """Process ids of ``count`` workers that report themselves to be running."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            statuses = [record.status() for record in self.records() if record.status_file.exists()]
            pids = [status["pid"] for status in statuses if status.get("last_return") == 7.5]
            if len(pids) >= count:
                return pids
            time.sleep(0.02)
        raise AssertionError(f"no {count} workers within 30 s")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def finish(self) -> tuple[int, str]:
        assert self.process is not None
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output

    def states(self) -> list[str]:
        return [record.status()["state"] for record in self.records()]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "runs")
    yield supervisor
    if supervisor.process is not None and supervisor.process.poll() is None:
        supervisor.process.kill()
        supervisor.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_every_worker(number: signal.Signals, supervisor: Supervisor) -> None:
    supervisor.start({"seconds": 60}, {"seconds": 60}, {"seconds": 60}, jobs=2)
    pids = supervisor.wait_for_workers(2)
    supervisor.signal(number)
    code, output = supervisor.finish()
    assert code == 130
    assert output.endswith("2 1\n")
    assert supervisor.states() == ["preempted", "preempted"]
    for pid in pids:
        assert_gone(pid)


def test_a_worker_that_does_not_stop_is_killed_after_the_grace(supervisor: Supervisor) -> None:
    supervisor.start({"seconds": 60, "end": "child"}, grace=0.3)
    (pid,) = supervisor.wait_for_workers(1)
    supervisor.signal(signal.SIGINT)
    code, _ = supervisor.finish()
    assert code == 130
    (record,) = supervisor.records()
    assert record.status()["state"] == "preempted"
    assert record.status()["error"] == "stopped by SIGKILL"
    assert_gone(pid)
    assert_gone(int((record.directory / "child.txt").read_text()))


def test_a_second_signal_does_not_wait_for_the_grace(supervisor: Supervisor) -> None:
    supervisor.start({"seconds": 60, "end": "ignore"}, grace=3600)
    (pid,) = supervisor.wait_for_workers(1)
    supervisor.signal(signal.SIGINT)
    time.sleep(0.3)  # two pending signals of one kind would be delivered as one
    supervisor.signal(signal.SIGINT)
    code, _ = supervisor.finish()
    assert code == 130
    assert supervisor.states() == ["preempted"]
    assert_gone(pid)


def test_no_worker_outlives_a_killed_supervisor(supervisor: Supervisor) -> None:
    supervisor.start({"seconds": 60, "end": "ignore"}, {"seconds": 60})
    pids = supervisor.wait_for_workers(2)
    supervisor.signal(signal.SIGKILL)
    supervisor.finish()
    for pid in pids:
        assert_gone(pid)


def test_after_an_interruption_only_the_missing_runs_are_run(supervisor: Supervisor) -> None:
    settings: list[dict[str, object]] = [{"seconds": 0}, {"seconds": 0, "end": "fail"}, {"seconds": 2}, {}]
    supervisor.start(*settings, jobs=1)
    supervisor.wait_for_workers(3)
    supervisor.signal(signal.SIGINT)
    code, output = supervisor.finish()
    assert (code, output.splitlines()[-1]) == (130, "3 1")
    assert sorted(supervisor.states()) == ["done", "failed", "preempted"]
    supervisor.start(*settings, jobs=3)
    code, output = supervisor.finish()
    assert (code, output.splitlines()[-1]) == (1, "3 0")
    assert sorted(supervisor.states()) == ["done", "done", "done", "failed"]
    journals = [(record.directory / "journal.txt").read_text() for record in supervisor.records()]
    assert sorted(journal.count("start") for journal in journals) == [1, 1, 2, 2]
