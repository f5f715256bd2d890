"""Which checkpoint a run goes on from, what it refuses, and what its record says then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3 import DQN

from harness.records import RunRecord
from harness.runner.checkpoint import checkpoint_directories
from harness.runner.compare import compare
from harness.runner.exit_codes import ExitCode
from harness.runner.options import Options
from harness.runner.stop import StopFlag
from harness.runner.train import run

MakeRun = Callable[..., RunRecord]
Attempt = Callable[..., ExitCode]


@pytest.fixture
def make(make_run: MakeRun) -> Callable[[str], RunRecord]:
    return lambda name: make_run("a2c", "InvertedPendulum-v5", 600, name=name, n_steps=50)


@pytest.fixture
def preempted(make: Callable[[str], RunRecord], attempt: Attempt) -> RunRecord:
    """Stopped at timestep 300 with checkpoints of 250 and 300."""
    record = make("preempted")
    assert attempt(record, stop_at=300) == ExitCode.PREEMPTED
    return record


def steps(record: RunRecord) -> list[int]:
    return [
        int(path.name.removeprefix("step-")) for path in checkpoint_directories(record.checkpoints_directory)
    ]


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_preempted_run_is_as_it_was_at_its_safe_point(preempted: RunRecord) -> None:
    status = preempted.status()
    assert status["state"] == "preempted"
    assert status["error"] == "stopped by SIGTERM"
    assert status["timesteps"] == 300
    assert steps(preempted) == [300, 250]
    assert preempted.episodes()["timestep"].max() <= 300


def test_it_goes_on_and_ends_like_one_that_was_not_stopped(
    make: Callable[[str], RunRecord], preempted: RunRecord, attempt: Attempt
) -> None:
    whole = make("whole")
    assert attempt(whole) == ExitCode.DONE
    with preempted.episodes_file.open("a") as episodes:
        episodes.write("77,400,0,1.0,5,0.1\n78,4")  # after the checkpoint, and torn
    before = preempted.status()["training_seconds"]
    assert attempt(preempted) == ExitCode.DONE
    assert [one.difference for one in compare(whole, preempted, 1)] == [None, None, None]
    attempts = preempted.attempts
    assert [one["resumed_at"] for one in attempts] == [0, 300]
    assert [one["exact_resume"] for one in attempts] == [True, True]
    assert attempts[1]["warnings"] == []
    assert preempted.status()["training_seconds"] > before
    assert preempted.episodes()["wall_time"].is_monotonic_increasing
    assert preempted.progress()["time/iterations"].tolist() == list(range(1, 13))
    assert steps(preempted) == [600]  # the final one


@pytest.mark.parametrize("name", ["manifest.json", "training.pt", "environments.npz", "progress.csv"])
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    preempted: RunRecord, attempt: Attempt, name: str
) -> None:
    alter(preempted.checkpoints_directory / "step-000000000300" / name)
    assert attempt(preempted) == ExitCode.DONE
    warnings = preempted.attempts[1]["warnings"]
    assert preempted.attempts[1]["resumed_at"] == 250
    assert "step-000000000300" in warnings[0]
    assert name in warnings[0]
    assert warnings[1] == "continued from the checkpoint before, at timestep 250"
    assert preempted.status()["timesteps"] == 600


def test_two_damaged_checkpoints_are_never_a_silent_restart(preempted: RunRecord, attempt: Attempt) -> None:
    for step in (250, 300):
        alter(preempted.checkpoints_directory / f"step-{step:012d}" / "training.pt")
    episodes = preempted.episodes_file.read_bytes()
    assert attempt(preempted) == ExitCode.CHECKPOINT_DAMAGED
    assert attempt(preempted) == ExitCode.CHECKPOINT_DAMAGED
    status = preempted.status()
    assert status["state"] == "failed"
    assert "no checkpoint is intact" in status["error"]
    assert "--fresh starts the run again from zero" in status["error"]
    assert preempted.episodes_file.read_bytes() == episodes
    assert steps(preempted) == [300, 250]
    assert attempt(preempted, fresh=True) == ExitCode.DONE
    assert preempted.attempts[-1]["warnings"] == ["started again from zero, as was asked for"]


def test_episodes_that_the_checkpoint_counted_on_are_checked(preempted: RunRecord, attempt: Attempt) -> None:
    lines = preempted.episodes_file.read_text().splitlines()
    preempted.episodes_file.write_text(
        "\n".join([lines[0], lines[1].replace(",0,", ",1,"), *lines[2:]]) + "\n"
    )
    assert attempt(preempted) == ExitCode.CHECKPOINT_DAMAGED
    assert "episodes are not those of the checkpoint" in preempted.status()["error"]


def test_a_checkpoint_of_another_run_is_refused(
    make_run: MakeRun, preempted: RunRecord, attempt: Attempt
) -> None:
    other = make_run("a2c", "InvertedPendulum-v5", 600, seed=1, name="other", n_steps=50)
    shutil.copytree(preempted.checkpoints_directory, other.checkpoints_directory)
    shutil.copy(preempted.episodes_file, other.episodes_file)
    assert attempt(other) == ExitCode.CHECKPOINT_REFUSED
    assert "is of another run; seed differ from run.json" in other.status()["error"]


def test_a_checkpoint_of_other_code_needs_an_explicit_word(
    preempted: RunRecord, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.provenance import provenance

    def of_tomorrow(files: Any) -> dict[str, Any]:
        facts = provenance(files)
        return {**facts, "agent_digest": "f" * 16, "packages": {**facts["packages"], "numpy": "99.0"}}

    monkeypatch.setattr("harness.runner.train.provenance", of_tomorrow)
    assert attempt(preempted) == ExitCode.CHECKPOINT_REFUSED
    error = preempted.status()["error"]
    assert "was made by other code of a2c, numpy" in error
    assert "(now 99.0); --allow-code-change continues it" in error
    assert attempt(preempted, allow_code_change=True) == ExitCode.DONE
    (warning,) = preempted.attempts[-1]["warnings"]
    assert warning.startswith("the code changed at timestep 300: before it, other code of a2c")


def test_other_threads_are_noted(preempted: RunRecord, attempt: Attempt) -> None:
    assert attempt(preempted, num_threads=2) == ExitCode.DONE
    (warning,) = preempted.attempts[-1]["warnings"]
    assert warning.startswith("num_threads changed from 1 to 2 at timestep 300")


def test_another_processor_is_noted(
    preempted: RunRecord, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = preempted.attempts[-1]["processor"]
    monkeypatch.setattr("harness.provenance.cpu_model", lambda: "Abacus 9")
    assert attempt(preempted) == ExitCode.DONE
    last = preempted.attempts[-1]
    assert last["processor"] == "Abacus 9"
    (warning,) = last["warnings"]
    assert warning.startswith(f"processor changed from {before} to Abacus 9 at timestep 300")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("algo", ["acktr", "a2c", "trpo"])
def test_on_cuda_it_goes_on_like_one_that_was_not_stopped(
    algo: str, make_run: MakeRun, attempt: Attempt
) -> None:
    whole, cut = (make_run(algo, "InvertedPendulum-v5", 600, name=name, n_steps=50) for name in "ab")
    assert attempt(whole, device="cuda") == ExitCode.DONE
    assert attempt(cut, stop_at=300, device="cuda") == ExitCode.PREEMPTED
    assert attempt(cut, device="cuda") == ExitCode.DONE
    assert cut.attempts[-1]["processor"] == torch.cuda.get_device_name()
    assert [one.difference for one in compare(whole, cut, 1)] == [None, None, None]


def test_without_a_checkpoint_it_starts_again_and_says_so(
    make: Callable[[str], RunRecord], attempt: Attempt
) -> None:
    record = make("a")
    record.begin_attempt({})
    record.episodes_file.write_text("torn")
    left_over = record.checkpoints_directory / ".step-000000000100.tmp"
    left_over.mkdir(parents=True)
    assert attempt(record) == ExitCode.DONE
    warning = "started again from zero: the attempts before left no checkpoint"
    assert record.attempts[-1]["warnings"] == [warning]
    assert not left_over.exists()
    assert len(record.episodes()) > 3


def test_an_off_policy_run_starts_again_and_says_so(make_run: MakeRun, attempt: Attempt) -> None:
    whole, stopped = (make_run("dqn", "CartPole-v1", 200, name=name, buffer_size=500) for name in "ab")
    assert attempt(whole) == ExitCode.DONE
    flag = StopFlag()
    flag.signal_name = "SIGTERM"
    assert run(stopped, flag, Options()) == ExitCode.PREEMPTED
    assert stopped.status()["state"] == "preempted"
    assert attempt(stopped) == ExitCode.DONE
    last = stopped.attempts[-1]
    assert last["exact_resume"] is False
    assert last["warnings"] == ["started again from zero: exact resume exists for on-policy agents only"]
    assert [one.difference for one in compare(whole, stopped, 1)] == [None, None, None]


def test_an_off_policy_run_whose_last_update_explodes_fails(
    make_run: MakeRun, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_run("dqn", "CartPole-v1", 60, buffer_size=100, learning_starts=20)
    learn = DQN.learn

    def learn_and_explode(agent: DQN, *arguments: Any, **options: Any) -> None:
        learn(agent, *arguments, **options)
        next(iter(agent.policy.parameters())).data.fill_(float("nan"))

    monkeypatch.setattr(DQN, "learn", learn_and_explode)
    assert attempt(record) == ExitCode.FAILED
    assert "is not finite after 60 timesteps" in record.status()["error"]
    assert not record.model_file.exists()


def test_a_done_run_that_was_not_marked_so_only_ends(preempted: RunRecord, attempt: Attempt) -> None:
    assert attempt(preempted) == ExitCode.DONE
    model = preempted.model_file.read_bytes()
    preempted.model_file.unlink()
    preempted.set_status("running", timesteps=550)
    assert attempt(preempted) == ExitCode.DONE
    assert preempted.attempts[-1]["resumed_at"] == 600
    assert preempted.status()["timesteps"] == 600
    assert len(preempted.model_file.read_bytes()) == pytest.approx(len(model), abs=300)


def test_the_manifest_says_what_it_is_of(preempted: RunRecord) -> None:
    path = preempted.checkpoints_directory / "step-000000000300" / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["spec"] == preempted.spec
    assert manifest["provenance"]["agent_digest"] == preempted.provenance["agent_digest"]
    assert (manifest["device"], manifest["num_threads"]) == ("cpu", 1)
    assert manifest["episodes"]["rows"] == len(preempted.episodes())
