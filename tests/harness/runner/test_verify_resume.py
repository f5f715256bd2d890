"""An interrupted run equals an uninterrupted one: real workers, real signals, and a check of the check."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from harness.records import RunRecord
from harness.runner.compare import compare
from harness.runner.exit_codes import ExitCode
from harness.runner.verify import Kill, resumed, verify_resume
from harness.spec import RunSpec

MakeRun = Callable[..., RunRecord]
Attempt = Callable[..., ExitCode]
ATARI = {"n_envs": 2, "n_steps": 40}
PENDULUM, BREAKOUT = "InvertedPendulum-v5", "Breakout"
LAGGED = {"stats_batch": 64, "inverse_every": 4, "inverse_lag": 2}

CASES: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "acktr-mujoco": ("acktr", PENDULUM, 1500, {"n_steps": 150, "kfac_kwargs": LAGGED}),
    "acktr-atari": ("acktr", BREAKOUT, 240, {**ATARI, "kfac_kwargs": {"stats_batch": 16}}),
    "a2c-mujoco": ("a2c", PENDULUM, 1500, {"n_steps": 100}),
    "a2c-atari": ("a2c", BREAKOUT, 240, ATARI),
    "trpo-mujoco": ("trpo", PENDULUM, 1000, {"n_steps": 200}),
    "trpo-atari": (
        "trpo",
        BREAKOUT,
        128,
        {"n_envs": 2, "n_steps": 16, "cg_max_steps": 2, "n_critic_updates": 1},
    ),
    "schedule": ("a2c", PENDULUM, 1500, {"n_steps": 100, "learning_rate": "lin_1e-2"}),
    "exploration": ("ppo", PENDULUM, 512, {"n_steps": 128, "use_sde": True, "clip_range": "lin_0.2"}),
    "recurrent": ("recurrent_ppo", "CartPole-v1", 384, {"n_steps": 128, "n_epochs": 1}),
}


def verify(case: str, kills: int, make_run: MakeRun, tmp_path: Path) -> None:
    algo, env_id, n_timesteps, overrides = CASES[case]
    spec = RunSpec.model_validate(make_run(algo, env_id, n_timesteps, name="x", **overrides).spec)
    draw = random.Random(list(CASES).index(case))
    verdict = verify_resume(spec, tmp_path, kills, draw=draw)
    assert [one.difference for one in verdict.comparisons] == [None] * len(verdict.comparisons)
    assert len(verdict.interruptions) == kills
    assert verdict.exact
    assert verdict.resumed <= kills
    assert len(RunRecord(tmp_path / "whole").progress()) >= 3
    for one in verdict.interruptions:
        asked = one.kind in (Kill.SIGTERM, Kill.SIGUSR2)
        assert one.exit_code in ({75, -15, -12} if asked else {-9})


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_run_equals_an_uninterrupted_one(case: str, make_run: MakeRun, tmp_path: Path) -> None:
    verify(case, 2, make_run, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", CASES)
def test_however_often(case: str, make_run: MakeRun, tmp_path: Path) -> None:
    verify(case, 12, make_run, tmp_path)


def test_what_began_anew_or_was_at_its_end_was_not_resumed(make_run: MakeRun) -> None:
    record = make_run("a2c", PENDULUM, 300)
    for at in (0, 0, 50, 250, 300):
        record.begin_attempt({}, resumed_at=at)
    assert resumed(record) == 2


def change_a_weight(record: RunRecord) -> None:
    """The last bit of one parameter."""
    with zipfile.ZipFile(record.model_file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        with archive.open("policy.pth") as file:
            parameters = torch.load(file, weights_only=True)
    next(iter(parameters.values())).view(torch.int32).bitwise_xor_(1)
    with zipfile.ZipFile(record.model_file, "w") as archive:
        for name, content in members.items():
            if name != "policy.pth":
                archive.writestr(name, content)
        with archive.open("policy.pth", "w") as file:
            torch.save(parameters, file)


def change_a_return(record: RunRecord) -> None:
    lines = record.episodes_file.read_text().splitlines(keepends=True)
    fields = lines[3].split(",")
    lines[3] = ",".join([*fields[:3], "7.25", *fields[4:]])
    record.episodes_file.write_text("".join(lines))


def drop_a_row(record: RunRecord) -> None:
    record.progress_file.write_text("".join(record.progress_file.read_text().splitlines(keepends=True)[:-1]))


def test_the_comparison_finds_what_differs(make_run: MakeRun, attempt: Attempt) -> None:
    first, second = (make_run("a2c", PENDULUM, 300, name=name, n_steps=50) for name in "ab")
    assert attempt(first) == attempt(second) == ExitCode.DONE
    assert [one.difference for one in compare(first, second, 1)] == [None, None, None]
    change_a_return(second)
    drop_a_row(second)
    change_a_weight(second)
    episodes, progress, model = (one.difference or "" for one in compare(first, second, 1))
    assert episodes.startswith("line 4: 3,")
    assert ",7.25," in episodes
    assert progress == "6 lines instead of 7"
    assert model.startswith("policy.pth.")


def test_state_that_is_left_out_is_found_out(
    make_run: MakeRun, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resuming without the random states gives another run, and the comparison says so."""
    whole, cut = (make_run("a2c", PENDULUM, 400, name=name, n_steps=50) for name in "ab")
    assert attempt(whole) == ExitCode.DONE
    assert attempt(cut, stop_at=200) == ExitCode.PREEMPTED
    monkeypatch.setattr("harness.runner.session.load_random_state", lambda state, space: None)
    assert attempt(cut) == ExitCode.DONE
    assert all(one.difference for one in compare(whole, cut, 1))


KILLED = """
import os, signal, sys
from pathlib import Path
from harness.records import RunRecord
from harness.runner.verify import _start, _start_server

_start_server("a2c")
print(_start(RunRecord(Path(sys.argv[1])), ()).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_worker_outlives_a_verification_that_is_killed(make_run: MakeRun, tmp_path: Path) -> None:
    record = make_run("a2c", "CartPole-v1", 100_000_000, name="endless")
    (tmp_path / "killed.py").write_text(KILLED)
    command = [sys.executable, str(tmp_path / "killed.py"), str(record.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
    deadline = time.monotonic() + 30
    try:
        with suppress(psutil.NoSuchProcess):
            while psutil.Process(worker).status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() < deadline, "the worker trains on, though nobody waits for it"
                time.sleep(0.1)
    finally:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
