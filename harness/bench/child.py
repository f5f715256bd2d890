"""Times one case in this process, for :mod:`harness.bench.measure`; prints one line of JSON."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time

from harness.bench.cases import CASES


def main() -> int:
    """Build, warm up, time; print timesteps, seconds and peak memory (MB) as one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    case = CASES[arguments.case]
    model = case.build(arguments.threads)
    model.learn(case.warmup)
    before, started = model.num_timesteps, time.perf_counter()
    model.learn(int(case.timesteps * arguments.scale), reset_num_timesteps=False)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"timesteps": model.num_timesteps - before, "seconds": seconds, "peak_mb": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
