"""Stands in for ``python -m harness.runner``: counts timesteps, goes on where it was; no imports to wait for.

Ten timesteps a second. On SIGTERM or SIGUSR2 it saves the count and exits with 75, as a worker does with its
checkpoint. ``journal.txt`` gets one line per start: the GPU, the threads, the count, the process.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

directory = Path(sys.argv[1])
spec = json.loads((directory / "run.json").read_text())["spec"]
saved = directory / "count.txt"
stopped = []
for number in (signal.SIGTERM, signal.SIGUSR2):
    signal.signal(number, lambda *_: stopped.append(1))
count = int(saved.read_text()) if saved.exists() else 0


def status(state, **fields):
    content = {
        "state": state,
        "heartbeat": time.time(),
        "timesteps": count,
        "n_timesteps": spec["n_timesteps"],
        "steps_per_second": 10.0,
        "last_return": 1.0,
        "pid": os.getpid(),
        **fields,
    }
    aside = directory / "status.tmp"
    aside.write_text(json.dumps(content))
    aside.replace(directory / "status.json")


with (directory / "journal.txt").open("a") as journal:
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES")
    journal.write(f"{gpu} {os.environ['OMP_NUM_THREADS']} {count} {os.getpid()}\n")
while count < spec["n_timesteps"] and not stopped:
    status("running")
    time.sleep(0.1)
    count += 1
saved.write_text(str(count))
if stopped:
    status("preempted", error="stopped by a signal")
    sys.exit(75)
status("done", error=None)
