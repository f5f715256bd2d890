"""``harness import``: other people's results as a sweep that ``harness report`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.output import RUNS_DIR, RunsDir


def import_results(
    source: Annotated[
        Path,
        typer.Argument(
            help="A directory with monitor.csv files (SB3, rl-zoo), a CSV file of curves, or "
            "baselines-atari10M, which comes with the project.",
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
    """Read other programs' results into run directories: SB3 and rl-zoo monitor files, CSV of curves."""
    from analysis.importing.curves_csv import PUBLISHED, read_curve_runs
    from analysis.importing.model import ImportProblem
    from analysis.importing.monitors import read_monitor_runs
    from analysis.importing.write import write_runs
    from harness.spec import NAME_PATTERN, SpecError

    if not NAME_PATTERN.match(sweep):
        raise SpecError(f"--sweep {sweep!r}: expected letters, digits, '.', '_' and '-'")
    try:
        if source.is_dir():
            runs = read_monitor_runs(source, algo, env, steps_per_timestep)
        elif algo is not None or env is not None or steps_per_timestep is not None:
            raise ImportProblem(f"{source}: --algo, --env and --steps-per-timestep are for monitor files")
        else:
            runs = read_curve_runs(PUBLISHED.get(str(source), source))
        paths = write_runs(runs, runs_dir, sweep)
    except ImportProblem as error:
        raise SpecError(str(error)) from None
    typer.echo(f"imported {len(paths)} {'run' if len(paths) == 1 else 'runs'} into {runs_dir / sweep}")
