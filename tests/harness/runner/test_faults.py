"""How a run ends when the environment, the disk or another worker gets in its way."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C

from harness.envs.base import EnvironmentFault
from harness.records import RunRecord
from harness.runner.checkpoint import CheckpointDamaged, CheckpointRefused, checkpoint_directories
from harness.runner.exit_codes import ExitCode
from harness.runner.faults import judge
from harness.runner.lock import lock
from harness.runner.stop import Preempted
from harness.runner.train import WORKER_LOCK
from harness.spec import SpecError

MakeRun = Callable[..., RunRecord]
Attempt = Callable[..., ExitCode]
_anything = count()


class Faulty(gymnasium.Env[np.ndarray, int]):
    """Episodes of ten steps; at its 120th step it does what ``fault`` says."""

    observation_space = spaces.Box(-1e9, 1e9, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.taken = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(2, dtype=np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.taken += 1
        if self.taken == 120 and self.fault == "raise":
            raise KeyError("no such body")
        if self.taken == 120 and self.fault == "exit":
            sys.exit(3)
        reward = float("nan") if self.taken == 120 and self.fault == "nan" else 1.0
        seen: float = next(_anything) if self.fault == "restless" else self.taken % 10
        if self.taken == 120 and self.fault == "blind":
            seen = float("nan")
        return np.array([seen, action], dtype=np.float32), reward, self.taken % 10 == 0, False, {}

    def close(self) -> None:
        if self.fault == "close":
            raise RuntimeError("the window is gone")


@pytest.fixture
def faulty(make_run: MakeRun) -> Iterator[Callable[[str], RunRecord]]:
    made = []

    def make(fault: str, algo: str = "a2c") -> RunRecord:
        name = f"Faulty{fault.capitalize()}-v0"
        gymnasium.register(name, entry_point=lambda: Faulty(fault))
        made.append(name)
        return make_run(algo, name, 300, n_envs=1, n_steps=25)

    yield make
    for name in made:
        del gymnasium.registry[name]


@pytest.mark.parametrize(
    ("algo", "fault", "message"),
    [
        ("a2c", "raise", "environment FaultyRaise-v0 raised KeyError: 'no such body'"),
        ("a2c", "exit", "environment FaultyExit-v0 raised SystemExit: 3"),
        ("a2c", "nan", "FaultyNan-v0 (index 0): the reward is not finite in float32"),
        ("trpo", "blind", "FaultyBlind-v0 (index 0): the observation is not finite in float32"),
    ],
)
def test_an_environment_at_fault_is_named(
    faulty: Callable[..., RunRecord], attempt: Attempt, algo: str, fault: str, message: str
) -> None:
    record = faulty(fault, algo)
    assert attempt(record) == ExitCode.ENVIRONMENT_FAULT
    assert record.status()["state"] == "failed"
    assert record.status()["error"] == message
    assert record.status()["timesteps"] == 119
    assert len(record.episodes()) == 11
    assert [int(path.name[5:]) for path in checkpoint_directories(record.checkpoints_directory)] == [100, 75]
    assert attempt(record) in (ExitCode.ENVIRONMENT_FAULT, ExitCode.DONE)  # a new one may not have the fault
    assert record.attempts[1]["resumed_at"] == 100


def test_an_environment_that_cannot_be_replayed_is_not_resumed_in_silence(
    faulty: Callable[[str], RunRecord], attempt: Attempt
) -> None:
    record = faulty("restless")
    assert attempt(record, stop_at=75) == ExitCode.PREEMPTED
    assert attempt(record) == ExitCode.ENVIRONMENT_FAULT
    error = record.status()["error"]
    assert "playing episode" in error
    assert error.endswith("cannot be continued exactly, --fresh starts it again from zero")
    assert attempt(record, fresh=True) == ExitCode.DONE


def test_an_environment_that_cannot_be_closed_undoes_nothing(
    faulty: Callable[[str], RunRecord], attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    record = faulty("close")
    assert attempt(record, stop_at=75) == ExitCode.PREEMPTED
    assert attempt(record) == ExitCode.DONE
    assert record.status()["state"] == "done"
    assert "FaultyClose-v0: close() raised RuntimeError: the window is gone" in caplog.text


def test_what_is_registered_as_nondeterministic_is_not_called_exact(
    make_run: MakeRun, attempt: Attempt
) -> None:
    name = "Unsteady-v0"
    gymnasium.register(name, entry_point=lambda: Faulty("none"), nondeterministic=True)
    try:
        record = make_run("a2c", name, 100, n_envs=1, n_steps=25)
        assert attempt(record) == ExitCode.DONE
    finally:
        del gymnasium.registry[name]
    (first,) = record.attempts
    assert first["exact_resume"] is False
    assert first["warnings"] == [f"{name} is registered as nondeterministic: no resume of it is exact"]


def test_a_second_worker_touches_nothing(
    make_run: MakeRun, attempt: Attempt, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make_run("a2c", "CartPole-v1", 100)
    code = (
        "import sys; from pathlib import Path; from harness.runner.lock import lock\n"
        "with lock(Path(sys.argv[1]), 'x', sys.argv[2]): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(record.directory), WORKER_LOCK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    before = {path: path.stat().st_mtime_ns for path in record.directory.iterdir()}
    assert attempt(record) == ExitCode.BUSY
    assert f"is already being run by process {holder.pid}" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in record.directory.iterdir()} == before
    holder.kill()
    holder.communicate()
    assert attempt(record) == ExitCode.DONE


def test_the_supervisors_lock_does_not_stop_its_worker(make_run: MakeRun, attempt: Attempt) -> None:
    record = make_run("a2c", "CartPole-v1", 100)
    with lock(record.directory, "run"):
        assert attempt(record) == ExitCode.DONE


def test_a_full_disk_during_a_checkpoint(
    make_run: MakeRun, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_run("a2c", "CartPole-v1", 400, n_envs=1, n_steps=50)
    assert attempt(record, stop_at=150) == ExitCode.PREEMPTED

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("harness.runner.checkpoint.write_flushed", full)
    assert attempt(record) == ExitCode.DISK
    status = record.status()
    assert status["state"] == "failed"
    assert "checkpoints/.step-000000000200.tmp/" in status["error"]
    assert status["error"].endswith("cannot be written: No space left on device")
    assert [int(p.name[5:]) for p in checkpoint_directories(record.checkpoints_directory)] == [150, 100]
    assert len(record.episodes()) > 3
    monkeypatch.undo()
    assert attempt(record) == ExitCode.DONE
    assert record.attempts[-1]["resumed_at"] == 150


def test_a_disk_that_takes_no_lock(
    make_run: MakeRun, attempt: Attempt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make_run("a2c", "CartPole-v1", 100)

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("harness.runner.lock.os.write", full)
    code = attempt(record)
    monkeypatch.undo()
    assert code == ExitCode.DISK
    said = f"{record.directory / WORKER_LOCK}: cannot be written (No space left on device)"
    assert capsys.readouterr().err.splitlines() == [said]


def test_a_full_disk_at_the_final_model(
    make_run: MakeRun, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_run("a2c", "CartPole-v1", 100, n_envs=1, n_steps=50)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    save = A2C.save

    def save_on_a_full_disk(agent: A2C, *arguments: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        save(agent, *arguments)

    monkeypatch.setattr(A2C, "save", save_on_a_full_disk)
    try:
        assert attempt(record) == ExitCode.DISK
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert record.status()["state"] == "failed"
    assert "model.zip" in record.status()["error"]
    assert [path.name for path in record.directory.glob("*model*")] == []
    monkeypatch.undo()
    assert attempt(record) == ExitCode.DONE
    assert record.attempts[-1]["resumed_at"] == 100


def test_a_full_disk_at_the_final_statistics(
    make_run: MakeRun, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_run("a2c", "InvertedPendulum-v5", 100, n_envs=1, n_steps=50)

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("harness.records.replace_flushed", full)
    assert attempt(record) == ExitCode.DISK
    assert record.status()["state"] == "failed"
    assert "protocol_state.npz: cannot be written: No space left" in record.status()["error"]
    assert not record.protocol_state_file.exists()
    monkeypatch.undo()
    assert attempt(record) == ExitCode.DONE


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there_is_not_replaced_in_silence(make_run: MakeRun, attempt: Attempt) -> None:
    record = make_run("a2c", "CartPole-v1", 100)
    assert attempt(record, device="cuda") == ExitCode.USAGE
    assert record.status()["error"] == "device cuda: torch finds none on this machine; expected cpu or auto"
    assert attempt(record, device="auto") == ExitCode.DONE


TMPFS = """
mount -t tmpfs -o size=300k tmpfs "$1" || exit 99
cp -r "$2/." "$1"
"$3" -m harness.runner "$1" --checkpoint-seconds 0
code=$?
cp -r "$1/." "$2"
exit $code
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux's unshare")
def test_a_real_disk_that_fills_up(make_run: MakeRun, tmp_path: Path) -> None:
    """On a tmpfs with room for two checkpoints, in a mount namespace of its own."""
    record = make_run("a2c", "CartPole-v1", 5000, n_envs=1, n_steps=50)
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", TMPFS, "sh"]
    arguments = [str(disk), str(record.directory), sys.executable]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=240, env={**os.environ}, check=False
    )
    if done.returncode in (1, 99) and "harness" not in done.stderr:
        pytest.skip(f"no mount of its own: {done.stderr.strip()}")
    assert done.returncode == ExitCode.DISK, done.stderr
    assert "cannot be written: No space left on device" in done.stderr
    assert record.status()["state"] == "failed"
    assert "checkpoints" in record.status()["error"]
    assert len(record.episodes()) >= 1
    assert len(checkpoint_directories(record.checkpoints_directory)) == 2
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Preempted("stopped by SIGTERM"), ExitCode.PREEMPTED),
        (CheckpointDamaged("x"), ExitCode.CHECKPOINT_DAMAGED),
        (CheckpointRefused("x"), ExitCode.CHECKPOINT_REFUSED),
        (EnvironmentFault("x"), ExitCode.ENVIRONMENT_FAULT),
        (OSError(errno.ENOSPC, "No space left on device", "/a"), ExitCode.DISK),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), ExitCode.DISK),
        (FileNotFoundError(errno.ENOENT, "No such file", "/a"), ExitCode.FAILED),
        (ValueError("x"), ExitCode.FAILED),
        (SpecError("x"), ExitCode.USAGE),
    ],
    ids=repr,
)
def test_exit_codes(error: Exception, code: ExitCode) -> None:
    assert judge(error)[0] == code


def test_a_full_disk_is_seen_behind_another_error() -> None:
    error = RuntimeError("unexpected pos 64 vs 0")  # as torch's writer says it
    error.__context__ = OSError(errno.ENOSPC, "No space left on device", "/a/model.zip")
    assert judge(error) == (ExitCode.DISK, "/a/model.zip: cannot be written: No space left on device")
