"""Desired runs against what lies in the run directories: what there is to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from algos.registry import get_agent
from harness.provenance import code_difference, digest_files, package_versions
from harness.records import RecordError, RunRecord, find_runs
from harness.spec import RunSpec, SpecError
from harness.sweep.extend import Shorter, ShorterRuns
from harness.sweep.slurm.submissions import Jobs
from harness.sweep.state import Found, found_state


@dataclass(frozen=True)
class PlannedRun:
    """A desired run and what was found in its directory.

    Attributes:
        spec: the run.
        sweep: name of its sweep.
        record: its directory.
        found: the state there, ``missing`` before the first start.
        outdated: how the code that made a finished result differs from today's; ``None`` if it does not.
        shorter: a finished run that this one, not begun yet, is a longer version of.
    """

    spec: RunSpec
    sweep: str
    record: RunRecord
    found: Found = "missing"
    outdated: str | None = None
    shorter: Shorter | None = None

    @property
    def wanted(self) -> bool:
        """Whether the run is to be started: it is neither done, nor running or queued already."""
        return self.found not in ("done", "running", "queued")

    @property
    def name(self) -> str:
        """Label, environment and seed: the run in a line of output."""
        return f"{self.spec.label} {self.spec.env_id} seed {self.spec.seed}"


@dataclass(frozen=True)
class Plan:
    """All runs of a sweep with what was found of each.

    Attributes:
        runs: in the sweep's order.
        unnamed: directories of recorded runs that the sweep's file no longer names.
        silent: the scheduler was asked for their jobs and did not answer.
    """

    runs: tuple[PlannedRun, ...]
    unnamed: tuple[RunRecord, ...] = ()
    silent: bool = False

    @property
    def to_run(self) -> list[PlannedRun]:
        """The runs to start, in the sweep's order."""
        return [run for run in self.runs if run.wanted]

    @property
    def outdated(self) -> list[PlannedRun]:
        """Finished runs that older code or other packages made."""
        return [run for run in self.runs if run.outdated]

    def summary(self) -> str:
        """``12 runs: 4 done, 8 to run (1 failed before)``, or that there is nothing to do."""
        counts = Counter(run.found for run in self.runs)
        total = f"{len(self.runs)} run{'s' if len(self.runs) != 1 else ''}"
        if counts["done"] == len(self.runs):
            return (
                f"nothing to do: all {total} are done"
                if len(self.runs) > 1
                else "nothing to do: the run is done"
            )
        running = f", {counts['running']} running elsewhere" if counts["running"] else ""
        running += f", {counts['queued']} queued" if counts["queued"] else ""
        again = [f"{counts[state]} {state}" for state in ("failed", "preempted", "lost") if counts[state]]
        before = f" ({', '.join(again)} before)" if again else ""
        return f"{total}: {counts['done']} done{running}, {len(self.to_run)} to run{before}"


def make_plan(specs: tuple[RunSpec, ...] | list[RunSpec], runs_dir: Path, sweep: str) -> Plan:
    """Look up every desired run, and find those that are no longer desired. Reads, and writes nothing.

    Raises:
        SpecError: ``runs_dir`` is no directory.
        harness.records.RecordError: a damaged file, or a directory that holds another run.
    """
    if runs_dir.exists() and not runs_dir.is_dir():
        raise SpecError(f"--runs-dir {runs_dir}: is a file; expected a directory")
    if not (runs_dir / sweep).exists():
        return Plan(tuple(PlannedRun(s, sweep, RunRecord(s.directory(runs_dir, sweep))) for s in specs))
    jobs, shorter = Jobs(runs_dir / sweep), ShorterRuns(runs_dir / sweep)
    runs = tuple(plan_run(spec, runs_dir, sweep, jobs, shorter) for spec in specs)
    named = {str(run.record.directory) for run in runs}
    unnamed = (record for record in find_runs(runs_dir / sweep) if str(record.directory) not in named)
    return Plan(runs, tuple(unnamed), jobs.silent)


def plan_run(
    spec: RunSpec,
    runs_dir: Path,
    sweep: str,
    jobs: Jobs | None = None,
    shorter: ShorterRuns | None = None,
) -> PlannedRun:
    """Look up one desired run; see :func:`make_plan`."""
    record = RunRecord(spec.directory(runs_dir, sweep))
    found, _ = found_state(record, jobs.of if jobs else None)
    if found == "missing":
        return PlannedRun(spec, sweep, record, shorter=shorter.of(spec) if shorter else None)
    content = record.content()
    if content["spec"] != spec.to_json():
        raise RecordError(f"{record.run_file}: holds another run than its directory's name says")
    outdated = _difference(content["attempts"], spec.algo) if found == "done" else None
    return PlannedRun(spec, sweep, record, found, outdated)


def _difference(attempts: list[dict[str, Any]], algo: str) -> str | None:
    """What of the code that made a result has changed since; looks at every attempt whose work is in it."""
    start = max((i for i, attempt in enumerate(attempts) if not attempt.get("resumed_at")), default=0)
    if not attempts or not all(attempt.get("provenance") for attempt in attempts[start:]):
        return "its code was not recorded"
    now = {"agent_digest": _agent_digest(algo), "packages": _package_versions()}
    differences = (code_difference(attempt["provenance"], now, algo) for attempt in attempts[start:])
    return next((difference for difference in differences if difference), None)


@cache
def _agent_digest(algo: str) -> str:
    return digest_files(get_agent(algo).sources)


_package_versions = cache(package_versions)
