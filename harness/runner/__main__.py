"""The worker process: ``python -m harness.runner RUN_DIR [options]``.

Reads the RunSpec from ``RUN_DIR/run.json``, goes on from the newest checkpoint if there is one, and leaves a
finished run directory. Exit codes: :class:`harness.runner.exit_codes.ExitCode`. Uses as many threads as
``OMP_NUM_THREADS`` says (default 1).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.records import RunRecord
from harness.runner.options import Options
from harness.runner.process import prepare_process
from harness.runner.stop import StopFlag


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker with ``arguments`` (by default the process's); return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.runner", description="Train one run.")
    parser.add_argument("run_dir", type=Path, help="directory that holds run.json")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="cpu")
    parser.add_argument(
        "--checkpoint-seconds",
        type=float,
        metavar="S",
        help="seconds between checkpoints, 0 for one a rollout (default: 600, more where they are costly)",
    )
    parser.add_argument("--fresh", action="store_true", help="start from zero; drop what is there")
    parser.add_argument(
        "--allow-code-change", action="store_true", help="continue from a checkpoint of other code"
    )
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard's event files too")
    given = parser.parse_args(arguments)
    stop = StopFlag().install()
    prepare_process()

    from harness.runner.train import run

    options = Options(
        device=given.device,
        num_threads=int(os.environ.get("OMP_NUM_THREADS", "1")),
        checkpoint_seconds=given.checkpoint_seconds,
        fresh=given.fresh,
        allow_code_change=given.allow_code_change,
        tensorboard=given.tensorboard,
    )
    return int(run(RunRecord(given.run_dir), stop, options))


if __name__ == "__main__":
    sys.exit(main())
