"""Runs of a sweep that ended badly, found without its file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from harness.records import RecordError, find_runs
from harness.spec import RunSpec, SpecError, check_name
from harness.sweep.plan import PlannedRun
from harness.sweep.problems import first_problem
from harness.sweep.slurm.submissions import Jobs
from harness.sweep.state import Found, found_state


def ended_badly(runs_dir: Path, sweep: str, states: Collection[Found]) -> list[PlannedRun]:
    """The recorded runs of ``sweep`` in one of ``states``, each as its ``run.json`` has it.

    Raises:
        SpecError: no such sweep.
        RecordError: a damaged file.
    """
    check_sweep(runs_dir, sweep)
    jobs = Jobs(runs_dir / sweep)
    runs = []
    for record in find_runs(runs_dir / sweep):
        found, _ = found_state(record, jobs.of)
        if found not in states:
            continue
        try:
            spec = RunSpec.model_validate(record.spec)
        except ValidationError as error:
            where, message = first_problem(error, RunSpec)
            raise RecordError(f"{record.run_file}: spec.{'.'.join(map(str, where))}: {message}") from None
        runs.append(PlannedRun(spec, sweep, record, found))
    return runs


def last_backend(runs_dir: Path, sweep: str) -> str | None:
    """What gave the profile of the newest submission as ``--backend``; ``None`` if there was none."""
    submissions = Jobs(runs_dir / sweep).submissions
    if not submissions:
        return None
    content = submissions[-1].content
    return str(content.get("backend", content["profile"]))  # older ones have its name alone


def check_sweep(runs_dir: Path, sweep: str) -> None:
    """Raise :class:`SpecError` unless ``sweep`` is a name, and of a sweep that is there."""
    check_name(sweep)
    if not (runs_dir / sweep).is_dir():
        raise SpecError(f"{runs_dir}: no sweep {sweep!r} here; expected a directory of that name")
