"""The report of one or more sweeps: results table, warnings and learning curves.

``report(Path("runs"), ["atari6"]).write(Path("report"))`` writes everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from analysis.figures import learning_curves, save_figure
from analysis.formats import short_env_id, timesteps_text
from analysis.load import Run, Setting, load_sweeps
from analysis.reference import Reference, paper_reference
from analysis.results import LAST_WINDOW, results_table
from analysis.statistics.curves import Band
from analysis.tables import Table


@dataclass(frozen=True)
class Report:
    """What the sweeps show so far.

    Attributes:
        settings: the runs, by environment, agent and hyper-parameters.
        table: the results table.
        warnings: one line each for runs that are unfinished, failed, missing or short of episodes, and for
            rows of mixed code.
    """

    settings: tuple[Setting, ...]
    table: Table
    warnings: tuple[str, ...]
    reference_of: Callable[[str], Reference | None] = field(repr=False)

    def figure(self, band: Band = "range") -> Figure:
        """Learning curves, one panel per environment."""
        return learning_curves(self.settings, self.reference_of, band=band)

    def to_json(self) -> dict[str, Any]:
        """Plain data: ``{"rows": [...], "warnings": [...]}``, the rows as in ``table.json``."""
        return {"rows": self.table.records(), "warnings": list(self.warnings)}

    def to_markdown(self) -> str:
        """Table, warnings and the figure as a link to ``curves.png``."""
        parts = [f"# {self.table.title}", self.table.to_markdown().rstrip("\n")]
        if self.warnings:
            parts += ["## Warnings", "\n".join(f"- {warning}" for warning in self.warnings)]
        parts.append("![Learning curves](curves.png)")
        return "\n\n".join(parts) + "\n"

    def write(self, directory: Path, band: Band = "range") -> list[Path]:
        """Write ``report.md``, ``table.csv``, ``table.json``, ``curves.png`` and ``curves.svg``.

        Args:
            directory: made if it does not exist; files of these names in it are replaced.
            band: what the shaded band of the curves shows.

        Returns:
            The paths written.
        """
        directory.mkdir(parents=True, exist_ok=True)
        texts = {
            "report.md": self.to_markdown(),
            "table.csv": self.table.to_csv(),
            "table.json": self.table.to_json(),
        }
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")
        return [directory / name for name in texts] + save_figure(self.figure(band), directory / "curves")


def report(
    runs_dir: Path, sweeps: Sequence[str], reference_of: Callable[[str], Reference | None] = paper_reference
) -> Report:
    """Read the sweeps and compute their report.

    Args:
        runs_dir: the directory that holds one directory per sweep.
        sweeps: names of sweeps, compared in one table.
        reference_of: the level that "Episode N" refers to, by environment id.

    Raises:
        analysis.load.SweepError: a sweep does not exist or holds no run.
        harness.records.RecordError: a file of a run is damaged.
    """
    settings = tuple(load_sweeps(runs_dir, sweeps))
    return Report(
        settings=settings,
        table=results_table(settings, reference_of),
        warnings=tuple(_run_warnings(settings) + _code_warnings(settings) + _missing_warnings(settings)),
        reference_of=reference_of,
    )


def _run_warnings(settings: Sequence[Setting]) -> list[str]:
    return [
        f"{setting.name} on {short_env_id(setting.env_id)}, seed {run.seed}: {problem}"
        for setting in settings
        for run in setting.runs
        if (problem := _problem(run)) is not None
    ]


def _problem(run: Run) -> str | None:
    if not run.done:
        progress = f"{timesteps_text(run.timesteps)} of {timesteps_text(run.n_timesteps)} timesteps"
        error = f": {run.error.strip().splitlines()[-1]}" if run.error and run.error.strip() else ""
        return f"{run.state}, {progress}{error}"
    if len(run.episodes) == 0:
        return "done without a finished episode"
    if len(run.episodes) < LAST_WINDOW:
        return f"{len(run.episodes)} episodes, so its mean of the last {LAST_WINDOW} is over these"
    return None


def _code_warnings(settings: Sequence[Setting]) -> list[str]:
    """Rows whose finished runs were made by different versions of the agent's code."""
    warnings = []
    for setting in settings:
        seeds_by_code: dict[str | None, list[int]] = defaultdict(list)
        for run in setting.done:
            seeds_by_code[run.code].append(run.seed)
        if len(seeds_by_code) > 1:
            groups = " and ".join(f"seed {', '.join(map(str, seeds))}" for seeds in seeds_by_code.values())
            place = f"{setting.name} on {short_env_id(setting.env_id)}"
            warnings.append(f"{place}: mixes results of different code of the agent ({groups})")
    return warnings


def _missing_warnings(settings: Sequence[Setting]) -> list[str]:
    """Seeds and environments that a sweep has in one place and not in another."""
    warnings = []
    by_sweep: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        by_sweep[setting.sweep].append(setting)
    for sweep, members in by_sweep.items():
        seeds = {run.seed for setting in members for run in setting.runs}
        for setting in members:
            missing = sorted(seeds - {run.seed for run in setting.runs})
            if missing:
                listed = ", ".join(map(str, missing))
                place = f"{setting.name} on {short_env_id(setting.env_id)}"
                warnings.append(f"{place}: no run with seed {listed}, unlike other rows of sweep {sweep}")
        env_ids = {setting.env_id for setting in members}
        for name in sorted({setting.name for setting in members}):
            lacking = sorted(env_ids - {setting.env_id for setting in members if setting.name == name})
            if lacking:
                listed = ", ".join(map(short_env_id, lacking))
                warnings.append(f"{name}: no run on {listed}, unlike others of sweep {sweep}")
    return warnings
