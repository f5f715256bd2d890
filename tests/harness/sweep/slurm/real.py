"""Waiting for things on a real Slurm, and bringing them about."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from harness.records import RunRecord
from harness.runner.stop import STOP_SIGNALS


def slurm(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}\n{slurm('squeue', '-a')}"
        time.sleep(0.1)


def hold_in_training(records: Sequence[RunRecord]) -> list[int]:
    """Stop each run's worker once it trains and has a checkpoint, so that none ends; their process ids."""
    held: dict[Path, int] = {}

    def hold() -> bool:
        for record in records:
            status = record.status()
            saved = any(record.checkpoints_directory.glob("step-*/manifest.json"))
            if record.directory not in held and status.get("timesteps", 0) > 0 and saved:
                assert status["timesteps"] < status["n_timesteps"], f"over too soon: {record.directory}"
                held[record.directory] = int(status["pid"])
                os.kill(held[record.directory], signal.SIGSTOP)
        return len(held) == len(records)

    wait_until(hold, "all train", 120)
    return [held[record.directory] for record in records]


def let_go_once_told(pids: Sequence[int]) -> None:
    """Let held workers go on when a signal to stop waits for each: scancel only asks for it."""

    def told(pid: int) -> bool:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        pending = next(int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd:"))
        return any(pending >> (number - 1) & 1 for number in STOP_SIGNALS)

    wait_until(lambda: all(map(told, pids)), "told to stop", 30)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def start_now(*ids: str) -> None:
    """Start jobs that were put back; Slurm holds them back for two minutes.

    It does so because news of their first end may still be under way, and would end them again.
    """

    def waits(job_id: str) -> bool:
        return "PENDING" in slurm("squeue", "-h", "-r", "-j", job_id, "-o", "%T")

    def steps() -> list[str]:
        numbers = slurm("squeue", "-h", "-r", "-j", ",".join(ids), "-o", "%A").split()
        names = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
        return [name for name in names if any(f"slurmstepd: [{n}." in name for n in numbers)]

    wait_until(lambda: all(map(waits, ids)), "put back")
    wait_until(lambda: not steps(), "the first steps are gone")
    time.sleep(3.0)
    for job_id in ids:
        slurm("scontrol", "update", f"job={job_id}", "StartTime=now")
    wait_until(lambda: not any(map(waits, ids)), "started again")
