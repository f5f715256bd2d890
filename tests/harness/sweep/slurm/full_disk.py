"""``full_disk.py DISK``: submit a sweep onto a tmpfs at DISK, with more room once a file is refused again.

To be run in a mount namespace of its own, in a directory with ``s.yaml`` and ``p.yaml``, and with the acted
Slurm on PATH. Prints, as JSON, per call: bytes of room, exit code, standard error, submissions on disk, jobs
that Slurm has.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from harness.cli import app
from harness.sweep.slurm.submissions import Jobs

PAGE = 4096
disk, state = Path(sys.argv[1]), Path(os.environ["FAKE_SLURM"])
mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], check=False)
if mounted.returncode:
    sys.exit(99)
calls = []
refused: set[str] = set()
room, filler = 0, disk / "filler"
while True:
    free = os.statvfs(disk).f_bavail * PAGE + (filler.stat().st_size if filler.exists() else 0)
    filler.write_bytes(bytes(max(0, free - room)))
    done = CliRunner().invoke(app, ["sweep", "s.yaml", "--backend", "./p.yaml", "--runs-dir", str(disk)])
    submissions = len(Jobs(disk / "s").submissions)
    jobs = len(list(state.glob("*.sh")))
    calls.append([room, done.exit_code, done.stderr, submissions, jobs])
    if jobs or done.exit_code == 0:
        break
    file = done.stderr.partition(": cannot be written")[0].rpartition("/")[2]
    room += PAGE if file in refused else 0
    refused.add(file)
print(json.dumps(calls))
