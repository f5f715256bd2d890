"""``harness import``: other people's results as a sweep that ``harness report`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.output import RUNS_DIR, RunsDir, counted


def import_results(
    source: Annotated[
        Path,
        typer.Argument(
            help="A directory with monitor.csv files (SB3, rl-zoo), a CSV file of curves, "
            "baselines-atari10M, which comes with the project, or a .tar.xz of harness export.",
            metavar="PATH",
        ),
    ],
    sweep: Annotated[str, typer.Option(help="Name of the sweep to write.", metavar="NAME")],
    algo: Annotated[
        str | None,
        typer.Option(
            help="The agent's name; by default that of the directory above each run's, as in rl-zoo.",
            metavar="NAME",
        ),
    ] = None,
    env: Annotated[
        str | None, typer.Option(help="The environment, where monitor files do not say.", metavar="ID")
    ] = None,
    steps_per_timestep: Annotated[
        int | None,
        typer.Option(
            help="Steps in a monitor file per decision of the agent.",
            metavar="N",
            min=1,
            show_default="4 for Atari games, whose frames SB3 counts, else 1",
        ),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Read results into run directories: SB3 and rl-zoo monitor files, CSV of curves, exported archives."""
    from analysis.archive import SUFFIX, read_archive
    from analysis.importing.curves_csv import PUBLISHED, read_curve_runs
    from analysis.importing.model import ImportProblem
    from analysis.importing.monitors import read_monitor_runs
    from analysis.importing.write import write_runs
    from harness.spec import NAME_PATTERN, SpecError

    if not NAME_PATTERN.match(sweep):
        raise SpecError(f"--sweep {sweep!r}: expected letters, digits, '.', '_' and '-'")
    try:
        if source.is_file() and source.name.endswith(SUFFIX):
            _no_monitor_options(source, algo, env, steps_per_timestep)
            n_runs = read_archive(source, runs_dir, sweep)
        elif source.is_dir():
            monitors = read_monitor_runs(source, algo, env, steps_per_timestep)
            n_runs = len(write_runs(monitors, runs_dir, sweep))
        else:
            _no_monitor_options(source, algo, env, steps_per_timestep)
            curves = read_curve_runs(PUBLISHED.get(str(source), source))
            n_runs = len(write_runs(curves, runs_dir, sweep))
    except ImportProblem as error:
        raise SpecError(str(error)) from None
    except OSError as error:
        raise SpecError(f"{error.filename}: {error.strerror}") from None
    typer.echo(f"imported {counted(n_runs, 'run')} into {runs_dir / sweep}")


def _no_monitor_options(source: Path, *options: str | int | None) -> None:
    from harness.spec import SpecError

    if any(option is not None for option in options):
        raise SpecError(f"{source}: --algo, --env and --steps-per-timestep are for monitor files")
