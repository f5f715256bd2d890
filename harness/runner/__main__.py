"""The worker process: ``python -m harness.runner RUN_DIR [--device cpu|cuda|auto]``.

Reads the RunSpec from ``RUN_DIR/run.json`` and leaves a finished run directory. Exit codes: 0 done, 1 failed,
75 interrupted by a signal. Uses as many threads as ``OMP_NUM_THREADS`` says (default 1).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from harness.records import RunRecord
from harness.runner.stop import StopFlag


def main() -> int:
    """Run the worker; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.runner", description="Train one run.")
    parser.add_argument("run_dir", type=Path, help="directory that holds run.json")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="cpu")
    arguments = parser.parse_args()
    stop = StopFlag().install()

    from harness.runner.train import run

    num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    return run(RunRecord(arguments.run_dir), stop, device=arguments.device, num_threads=num_threads)


if __name__ == "__main__":
    sys.exit(main())
