from __future__ import annotations

import fcntl
import importlib.machinery
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.sweep.slurm.profile import Profile
from tests.harness.sweep.slurm.faked import SWEEP

ROOT = Path(__file__).resolve().parents[4]
DEVCLUSTER = ROOT / "slurm" / "devcluster"
FAKE_COMMANDS = Path(__file__).with_name("fake_slurm.py")


def devcluster() -> ModuleType:
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("devcluster", str(DEVCLUSTER))
    spec = importlib.util.spec_from_loader("devcluster", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["devcluster"] = module
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.fixture(scope="session")
def _running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """``slurm.conf`` of one real cluster for all test processes: the first starts it, the last ends it."""
    missing = devcluster().missing_programs()
    if missing:
        pytest.skip(f"Slurm is not installed here ({', '.join(missing)})")
    if os.getuid() != 0:
        pytest.skip("a Slurm of one's own needs root")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with _users(shared) as users:
        if not users.exists():
            directory = Path(tempfile.mkdtemp(prefix="dc-", dir="/tmp"))
            directory.rmdir()
            users.write_text(f"0 {directory}")
        number, directory = _read(users)
        if number == 0:
            command = [
                sys.executable,
                str(DEVCLUSTER),
                "up",
                "--dir",
                str(directory),
                "--set",
                "MaxArraySize=5",
            ]
            subprocess.run(command, check=True)
        users.write_text(f"{number + 1} {directory}")
    yield directory / "slurm.conf"
    with _users(shared) as users:
        number, directory = _read(users)
        users.write_text(f"{number - 1} {directory}")
        if number == 1:
            subprocess.run([sys.executable, str(DEVCLUSTER), "down", "--dir", str(directory)], check=True)


@contextmanager
def _users(shared: Path) -> Iterator[Path]:
    with (shared / "devcluster.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield shared / "devcluster.users"


def _read(users: Path) -> tuple[int, Path]:
    number, directory = users.read_text().split()
    return int(number), Path(directory)


@pytest.fixture
def cluster(_running_cluster: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real Slurm whose programs find it; the path of its ``slurm.conf``. MaxArraySize is 5."""
    monkeypatch.setenv("SLURM_CONF", str(_running_cluster))
    return _running_cluster


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slurm's commands as scripts on PATH. What they print lies in the returned directory.

    ``squeue.txt`` and ``sacct.txt`` are printed as they are, one that is missing makes its command fail;
    ``calls.txt`` gets every command line.
    """
    binaries, state = tmp_path / "bin", tmp_path / "fake"
    binaries.mkdir()
    state.mkdir()
    for name in ("sbatch", "squeue", "sacct", "scancel", "scontrol", "sinfo", "srun"):
        script = binaries / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -I {FAKE_COMMANDS} {name} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(state))
    (state / "squeue.txt").write_text("")
    (state / "sacct.txt").write_text("")
    return state


@pytest.fixture
def profile() -> Callable[..., Profile]:
    """``profile(runs_per_job=2)``: one for the development cluster, with the given keys."""

    def make(**keys: Any) -> Profile:
        content = {"name": "test", "walltime": "0:10:00", "signal_seconds": 30, **keys}
        return Profile.model_validate(content)

    return make


@pytest.fixture
def no_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH without Slurm."""
    binaries = tmp_path / "none"
    binaries.mkdir()
    git = shutil.which("git")
    if git:
        (binaries / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(binaries))


@pytest.fixture
def place(tmp_path: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with ``s.yaml`` (12 runs) and the profile ``p.yaml`` (3 runs a job)."""
    place = tmp_path / "a place"
    place.mkdir()
    monkeypatch.chdir(place)
    Path("s.yaml").write_text(SWEEP.format(seeds=12))
    Path("p.yaml").write_text('partition: cpu\nwalltime: "1:00:00"\nruns_per_job: 3\n')
    return place
