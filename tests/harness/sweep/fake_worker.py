"""Stands in for ``python -m harness.runner``: acts out the run's hyper-parameters, standard library only.

Hyper-parameters: ``seconds`` to stay, and ``end``:

- ``done``: as it should be;
- ``fail``: with an error in the status; ``crash``: an exit code alone; ``kill``: dies of SIGKILL;
  ``term``: of SIGTERM; ``busy``: says that another worker is at the run;
- ``lie``: exit code 0 without being done;
- ``ignore``: does not stop when asked; ``child``: nor does its child process, whose id it notes.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

directory = Path(sys.argv[1])
spec = json.loads((directory / "run.json").read_text())["spec"]
settings = spec["hyperparameters"]
stopped = []


def status(state, **fields):
    content = {
        "state": state,
        "heartbeat": time.time(),
        "timesteps": spec["n_timesteps"] // 2,
        "n_timesteps": spec["n_timesteps"],
        "steps_per_second": 100.0,
        "last_return": 7.5,
        "pid": os.getpid(),
        **fields,
    }
    aside = directory / "status.tmp"
    aside.write_text(json.dumps(content))
    aside.replace(directory / "status.json")


def note(what):
    with (directory / "journal.txt").open("a") as journal:
        journal.write(f"{what} {time.time()}\n")


end = settings.get("end", "done")
signal.signal(
    signal.SIGTERM, (lambda *_: None) if end in ("ignore", "child") else (lambda *_: stopped.append(1))
)
print("fake worker", spec["seed"], os.environ["OMP_NUM_THREADS"], flush=True)
note("start")
if end == "child":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (directory / "child.txt").write_text(str(child.pid))
status("running")
deadline = time.time() + settings.get("seconds", 0.0)
while time.time() < deadline and not stopped:
    time.sleep(0.01)
note("end")
if stopped:
    status("preempted", error="stopped by SIGTERM")
    sys.exit(75)
if end == "fail":
    status("failed", error="ValueError: told to fail")
    sys.exit(1)
if end == "crash":
    print("Traceback: the last words", flush=True)
    sys.exit(3)
if end == "busy":
    sys.exit(76)
if end == "term":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if end != "lie":
    status("done", timesteps=spec["n_timesteps"], error=None)
