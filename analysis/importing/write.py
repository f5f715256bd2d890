"""Imported runs as run directories of a sweep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.importing.model import ImportedRun, ImportProblem
from analysis.load import MEAN_RETURN, TIMESTEPS
from analysis.settings import IMPORTED
from harness.records import EpisodeLog, RunRecord, run_directory

IDENTITY = "imported"


def write_runs(runs: Sequence[ImportedRun], runs_dir: Path, sweep: str) -> list[Path]:
    """Write every run as finished; nothing is written if one of them is there already.

    Their RunSpecs have no hyper-parameters and the protocol ``imported``: what another program did is not
    known, and no run of the harness ever shares a cell with it. The budget of an agent on an environment is
    where its longest run ends; a run that was cut off long before keeps its own, and a report leaves it out.

    Raises:
        ImportProblem: two runs with one seed, a name that is no file name, or a run that is there already.
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
    for directory, run in records.items():
        record = RunRecord(directory)
        budget = longest[directory.parent]
        n_timesteps = budget if run.may_have_trained(budget) else run.n_timesteps
        spec: dict[str, Any] = {
            "spec_version": 1,
            "algo": directory.parents[2].name,
            "label": directory.parents[2].name,
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
    return list(records)


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
