"""What ``harness report --html`` costs: seconds, size of the page, memory.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_report_page.py --runs 300 --episodes 5000

A fabricated sweep of 10 agents on 10 environments, with a log of 200 lines and full provenance per run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

from bench_statistics import fabricate

from analysis.html import html_report
from analysis.report import report
from harness.provenance import provenance
from harness.records import find_runs


def complete(root: Path) -> None:
    """Give every run a log and an attempt with its provenance."""
    log = "".join(f"| rollout/ep_rew_mean | {number * 1.234:<12} | <{number}>\n" * 3 for number in range(67))
    facts = provenance([Path(__file__)])
    hyperparameters = {f"hyperparameter_{number}": number / 7 for number in range(25)}
    for record in find_runs(root):
        content = json.loads(record.run_file.read_text())
        content["spec"]["hyperparameters"] |= hyperparameters
        content["attempts"] = [{"attempt": 1, "started": 1.8e9, "resumed_at": 0, "provenance": facts}]
        record.run_file.write_text(json.dumps(content))
        record.log_file.write_text(log)


def processor_seconds() -> float:
    """User and system time so far, of processes that have ended too (episodes are read by several)."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--episodes", type=int, default=5_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        fabricate(root, arguments.runs, arguments.episodes)
        complete(root)
        start, start_cpu = time.perf_counter(), processor_seconds()
        content = report(root, ["large"], baseline="agent0")
        read, read_cpu = time.perf_counter(), processor_seconds()
        page = html_report(content)
        end, end_cpu = time.perf_counter(), processor_seconds()
    print(f"{arguments.runs} runs x {arguments.episodes} episodes")
    print(f"read and computed: {read - start:.1f} s, {read_cpu - start_cpu:.1f} s of it processor time")
    print(f"page: {end - read:.1f} s, {end_cpu - read_cpu:.1f} s of it processor time")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(page.encode()) / 1e6:.1f} MB, {peak / 1e6:.2f} GB of memory at most")


if __name__ == "__main__":
    main()
