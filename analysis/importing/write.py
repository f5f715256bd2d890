"""Imported runs as run directories of a sweep."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.importing.model import ImportedRun, ImportProblem
from analysis.load import MEAN_RETURN, TIMESTEPS
from analysis.settings import IMPORTED
from harness.records import EpisodeLog, RunRecord, run_directory

IDENTITY = "imported"


def write_runs(runs: Sequence[ImportedRun], runs_dir: Path, sweep: str) -> list[Path]:
    """Write every run as finished; all or none: one may be there already, or the disk be full.

    Their RunSpecs have no hyper-parameters and the protocol ``imported``: what another program did is not
    known, and no run of the harness ever shares a cell with it. The budget of an agent on an environment is
    where its longest run ends; a run that was cut off long before keeps its own, and a report leaves it out.

    Raises:
        ImportProblem: two runs with one seed, a name that is no file name, a run that is there already, or no
            room on the disk.
    """
    records: dict[Path, ImportedRun] = {}
    for run in runs:
        label = re.sub(r"[^A-Za-z0-9._-]+", "-", run.label).lstrip(".")
        if not label:
            raise ImportProblem(f"{run.source}: {run.label!r} is no name for an agent")
        directory = run_directory(runs_dir, sweep, label, run.env_id, IDENTITY, run.seed)
        if directory in records:
            raise ImportProblem(f"{run.source}: seed {run.seed} of {label} on {run.env_id} comes twice")
        if directory.exists():
            raise ImportProblem(f"{directory}: is there already; choose another --sweep")
        records[directory] = run
    longest: dict[Path, int] = {}
    for directory, run in records.items():
        longest[directory.parent] = max(run.n_timesteps, longest.get(directory.parent, 0))
    try:
        for directory, run in records.items():
            _write_run(RunRecord(directory), run, sweep, longest[directory.parent])
    except BaseException as error:
        _take_back(records, runs_dir / sweep)
        if isinstance(error, OSError):
            where = error.filename or runs_dir / sweep
            raise ImportProblem(f"{where}: cannot be written ({error.strerror})") from None
        raise
    return list(records)


def _write_run(record: RunRecord, run: ImportedRun, sweep: str, budget: int) -> None:
    label = record.directory.parents[2].name
    n_timesteps = budget if run.may_have_trained(budget) else run.n_timesteps
    spec: dict[str, Any] = {
        "spec_version": 1,
        "algo": label,
        "label": label,
        "env_id": run.env_id,
        "protocol": {"name": IMPORTED, "version": 1},
        "n_timesteps": n_timesteps,
        "hyperparameters": {},
        "seed": run.seed,
    }
    record.create(spec, sweep)
    record.begin_attempt({}, imported_from=run.source)
    if run.curve is None:
        _write_episodes(record, run)
    else:
        pd.DataFrame({TIMESTEPS: run.curve.timesteps.astype(int), MEAN_RETURN: run.curve.returns}).to_csv(
            record.progress_file, index=False
        )
    record.set_status("done", timesteps=n_timesteps, n_timesteps=n_timesteps)


def _take_back(directories: Iterable[Path], sweep: Path) -> None:
    """Remove runs that were begun, and what is empty without them; else the next import finds them there."""
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
        for above in directory.parents:
            try:
                above.rmdir()
            except OSError:
                break
            if above == sweep:
                break


def _write_episodes(record: RunRecord, run: ImportedRun) -> None:
    log = EpisodeLog(record.episodes_file)
    try:
        for row in run.episodes.frame().itertuples(index=False):
            log.append(
                timestep=int(row[1]),
                env_index=int(row[2]),
                episode_return=float(row[3]),
                length=int(row[4]),
                wall_time=float(row[5]),
            )
    finally:
        log.close()
