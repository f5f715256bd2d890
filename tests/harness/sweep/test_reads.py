"""Status and plan read no file twice: what keeps them quick over ten thousand runs.

The seconds are measured by ``tests/benchmarks/bench_plan.py``.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import harness.records
from algos.registry import get_agent
from harness.provenance import provenance
from harness.sweep.plan import PlannedRun, make_plan
from harness.sweep.status import recorded_status

N_RUNS = 20
MakeRun = Callable[..., PlannedRun]


@pytest.fixture
def finished(fake_run: MakeRun) -> list[PlannedRun]:
    facts = provenance(get_agent("a2c").sources)
    runs = [fake_run(seed) for seed in range(N_RUNS)]
    for run in runs:
        run.record.create(run.spec.to_json(), "s")
        run.record.begin_attempt(facts)
        run.record.set_status("done", timesteps=100, n_timesteps=100)
    return runs


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Names of the files that were read as JSON, and how often."""
    counts: Counter[str] = Counter()
    read = harness.records.read_json

    def counted(path: Path | str) -> dict[str, object]:
        counts[Path(path).name] += 1
        return read(path)

    monkeypatch.setattr(harness.records, "read_json", counted)
    return counts


def test_status_reads_one_file_a_run(finished: list[PlannedRun], tmp_path: Path, reads: Counter[str]) -> None:
    (row,) = recorded_status(tmp_path / "runs", "s").rows
    assert row.counts["done"] == N_RUNS
    assert reads == {"status.json": N_RUNS, "run.json": 1}  # one for the environment's name


def test_a_plan_reads_two_files_a_run(
    finished: list[PlannedRun], tmp_path: Path, reads: Counter[str]
) -> None:
    plan = make_plan([run.spec for run in finished], tmp_path / "runs", "s")
    assert plan.summary() == f"nothing to do: all {N_RUNS} runs are done"
    assert reads == {"status.json": N_RUNS, "run.json": N_RUNS}


def test_status_imports_no_torch() -> None:
    code = (
        "import sys; from harness.sweep.status import recorded_status; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'gymnasium', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
