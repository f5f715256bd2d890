"""``harness doctor``: whether this machine can run sweeps."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer

from harness.commands.output import RUNS_DIR, Json, RunsDir, print_json, print_table

GIB = 2**30
PROBE_BYTES = 2**20
"""Written to the disk and taken back: a quota, or a file system that refuses, shows in no other way."""


def doctor(runs_dir: RunsDir = RUNS_DIR, as_json: Json = False) -> None:
    """Check packages, games, physics, cores and disk; exit with 1 if something needed does not work."""
    checks: dict[str, Callable[[], str]] = {
        "python": platform.python_version,
        "packages": _packages,
        "agents": _agents,
        "atari": _atari,
        "mujoco": _mujoco,
        "torch": _torch,
        "cores": _cores,
        "disk": lambda: _disk(runs_dir),
    }
    rows = []
    for name, check in checks.items():
        try:
            rows.append((name, True, check()))
        except Exception as error:  # a check's whole purpose is to find out what fails, whatever it is
            rows.append((name, False, " ".join(f"{type(error).__name__}: {error}".split())))
    if as_json:
        print_json([{"check": name, "ok": ok, "found": found} for name, ok, found in rows])
    else:
        print_table(
            ["check", "", "found"], [[name, "ok" if ok else "FAILED", found] for name, ok, found in rows]
        )
    if not all(ok for _, ok, _ in rows):
        raise typer.Exit(1)


def _packages() -> str:
    from harness.provenance import package_versions

    return ", ".join(f"{name} {version}" for name, version in package_versions().items())


def _agents() -> str:
    from algos.registry import agent_names, get_agent

    for name in agent_names():
        get_agent(name).load()
    return ", ".join(agent_names())


def _atari() -> str:
    import ale_py
    import gymnasium

    from harness.envs.names import ATARI_SUFFIX, atari_games

    gymnasium.register_envs(ale_py)
    game = gymnasium.make(f"Pong{ATARI_SUFFIX}")
    game.reset(seed=0)
    game.step(0)
    game.close()
    return f"Pong steps; {len(atari_games())} games"


def _mujoco() -> str:
    import gymnasium

    task = gymnasium.make("InvertedPendulum-v5")
    task.reset(seed=0)
    task.step(task.action_space.sample())
    task.close()
    return "InvertedPendulum-v5 steps"


def _torch() -> str:
    import torch

    torch.linalg.eigh(torch.eye(3))
    if not torch.cuda.is_available():
        return f"{torch.__version__}, no GPU"
    torch.linalg.eigh(torch.eye(3, device="cuda"))
    return f"{torch.__version__}, {torch.cuda.get_device_name()}"


def _cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} usable of {os.cpu_count()}"


def _disk(runs_dir: Path) -> str:
    place = next(path for path in (runs_dir.absolute(), *runs_dir.absolute().parents) if path.exists())
    if not place.is_dir():
        raise NotADirectoryError(f"{place} is a file; expected a directory for runs")
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
    except OSError as error:
        raise type(error)(f"{place} cannot be written ({error.strerror})") from None
    return f"{shutil.disk_usage(place).free / GIB:.0f} GiB free for {runs_dir}"
