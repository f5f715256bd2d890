"""Times one case in this process, for :mod:`harness.bench.measure`.

Reads a job as JSON from standard input and prints timesteps, seconds, CPU seconds and peak memory (MB) as one
line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from harness.bench.cases import CASES, run_case
from harness.runner.process import prepare_process
from harness.spec import RunSpec


def main() -> int:
    """Build, warm up, time, print."""
    job = json.load(sys.stdin)
    case = run_case(RunSpec.model_validate(job["run"])) if "run" in job else CASES[job["case"]]
    if not case.stock:
        prepare_process()

    import torch

    torch.set_num_threads(job["threads"])
    advance = case.build(job["threads"])
    advance(case.warmup)
    cpu, started = time.process_time(), time.perf_counter()
    timesteps = advance(max(1, round(case.timesteps * job["scale"])))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"timesteps": timesteps, "seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
