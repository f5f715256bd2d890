"""Where a sweep stands, told from its run directories, and from the scheduler where they leave it open."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.records import RunRecord, find_runs
from harness.spec import SpecError, check_name
from harness.sweep.slurm.submissions import Jobs
from harness.sweep.state import Found, found_state

COUNTED: tuple[Found, ...] = (
    "done",
    "running",
    "queued",
    "failed",
    "preempted",
    "lost",
    "pending",
    "missing",
)


@dataclass(frozen=True)
class StatusRow:
    """One label in one environment, over all its settings and seeds.

    Attributes:
        label: the row's name in the sweep.
        env_id: the environment.
        counts: runs per state.
        progress: timesteps done over timesteps wanted, 0 to 1.
        steps_per_second: over the running runs together; ``None`` if none runs.
        seconds_left: for what is not finished at this speed; ``None`` if nothing runs.
        last_return: mean over the runs of their last 100 episodes; ``None`` before the first.
    """

    label: str
    env_id: str
    counts: dict[str, int]
    progress: float
    steps_per_second: float | None
    seconds_left: float | None
    last_return: float | None


@dataclass(frozen=True)
class SweepStatus:
    """A sweep's rows, in the order in which they were met, and what went wrong.

    Attributes:
        sweep: its name.
        rows: per label and environment.
        failures: runs that failed, were lost, or whose job ended without them: directory, state and error.
        silent: the scheduler was asked and did not answer.
    """

    sweep: str
    rows: tuple[StatusRow, ...]
    failures: tuple[tuple[str, Found, str], ...]
    silent: bool = False

    @property
    def active(self) -> bool:
        """Whether anything runs or waits in a queue."""
        return any(row.counts["running"] or row.counts["queued"] for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Plain data: ``{"sweep", "rows", "failures", "scheduler_answers"}``."""
        failures = [
            {"directory": directory, "state": state, "error": error}
            for directory, state, error in self.failures
        ]
        rows = [asdict(row) for row in self.rows]
        return {
            "sweep": self.sweep,
            "rows": rows,
            "failures": failures,
            "scheduler_answers": not self.silent,
        }


@dataclass(frozen=True)
class _Seen:
    found: Found
    status: dict[str, Any]
    n_timesteps: int

    @property
    def timesteps(self) -> int:
        return min(int(self.status.get("timesteps", 0)), self.n_timesteps)


Entry = tuple[RunRecord, str, str, int | None]
"""A run: record, label, environment, and timesteps wanted where the caller knows them."""


def recorded_status(runs_dir: Path, sweep: str) -> SweepStatus:
    """The status of the runs that have a record. Of most runs only ``status.json`` is read.

    Raises:
        SpecError: no sweep's name, or no such sweep; the message gives the nearest name and the directory.
        harness.records.RecordError: a damaged file.
    """
    check_name(sweep)
    records = find_runs(runs_dir / sweep) if (runs_dir / sweep).is_dir() else []
    if not records:
        raise SpecError(_no_sweep(runs_dir, sweep))
    env_ids: dict[tuple[str, str], str] = {}
    entries: list[Entry] = []
    for record in records:
        label, env_directory = record.directory.parts[-4:-2]
        if (label, env_directory) not in env_ids:  # a directory's name has no '/', an environment's may
            env_ids[label, env_directory] = str(record.spec["env_id"])
        entries.append((record, label, env_ids[label, env_directory], None))
    return summarise(sweep, entries, Jobs(runs_dir / sweep))


def summarise(sweep: str, entries: Iterable[Entry], jobs: Jobs | None = None) -> SweepStatus:
    """Group runs into rows.

    Args:
        sweep: its name.
        entries: its runs.
        jobs: those that hold them; see :func:`harness.sweep.state.found_state`.
    """
    groups: dict[tuple[str, str], list[_Seen]] = {}
    failures: list[tuple[str, Found, str]] = []
    for record, label, env_id, wanted in entries:
        found, status = found_state(record, jobs.of if jobs else None)
        n_timesteps = wanted or int(status.get("n_timesteps") or record.spec["n_timesteps"])
        groups.setdefault((label, env_id), []).append(_Seen(found, status, n_timesteps))
        if found in ("failed", "lost") or (found == "pending" and status.get("error")):
            failures.append((str(record.directory), found, str(status.get("error"))))
    rows = tuple(_row(label, env_id, seen) for (label, env_id), seen in groups.items())
    return SweepStatus(sweep, rows, tuple(failures), jobs.silent if jobs else False)


def _row(label: str, env_id: str, runs: Sequence[_Seen]) -> StatusRow:
    states = Counter(run.found for run in runs)
    wanted = sum(run.n_timesteps for run in runs)
    have = sum(run.timesteps for run in runs)
    left = sum(run.n_timesteps - run.timesteps for run in runs if run.found != "done")
    running = [run for run in runs if run.found == "running"]
    speed = sum(run.status.get("steps_per_second") or 0.0 for run in running)
    returns = [run.status["last_return"] for run in runs if run.status.get("last_return") is not None]
    return StatusRow(
        label=label,
        env_id=env_id,
        counts={state: states[state] for state in COUNTED},
        progress=have / wanted,
        steps_per_second=speed if running else None,
        seconds_left=left / speed if speed else None,
        last_return=sum(returns) / len(returns) if returns else None,
    )


def _no_sweep(runs_dir: Path, sweep: str) -> str:
    if not runs_dir.is_dir():
        return f"{runs_dir}: no such directory; expected the sweeps' runs there (see --runs-dir)"
    if (runs_dir / sweep).is_dir():
        return f"{runs_dir / sweep}: no run has been started yet; expected run directories below it"
    names = sorted(path.name for path in runs_dir.iterdir() if path.is_dir())
    near = difflib.get_close_matches(sweep, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}" if names else ""
    return f"{runs_dir}: no sweep {sweep!r} here{hint}"
