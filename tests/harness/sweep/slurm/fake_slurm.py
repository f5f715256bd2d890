"""Stands in for Slurm's commands: ``fake_slurm.py NAME ARGUMENTS...``; see the fixture ``fake_slurm``."""

import json
import os
import sys
from pathlib import Path

state = Path(os.environ["FAKE_SLURM"])
name, arguments = sys.argv[1], sys.argv[2:]
with (state / "calls.txt").open("a") as calls:
    calls.write(json.dumps([name, *arguments]) + "\n")
refusal = state / f"{name}.refuses"
if refusal.exists():
    sys.exit(refusal.read_text())
if name in ("squeue", "sacct"):
    try:
        print((state / f"{name}.txt").read_text(), end="")
    except FileNotFoundError:
        sys.exit(f"{name}: error: Unable to contact slurm controller (connect failure)")
elif name == "sbatch":
    script = Path(arguments[-1]).read_text()
    counter = state / "jobs.txt"
    number = int(counter.read_text()) + 1 if counter.exists() else 101
    counter.write_text(str(number))
    (state / f"{number}.sh").write_text(script)
    print(f"Submitted batch job {number}")
elif name == "sinfo":
    print("cpu*\ngpu")
elif name == "scontrol" and arguments == ["show", "config"]:
    print("MaxArraySize            = 5")
