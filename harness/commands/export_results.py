"""``harness export``: a sweep's results for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.output import RUNS_DIR, RunsDir, counted, writing

ARCHIVE = "archive"


def export_results(
    sweeps: Annotated[list[str], typer.Argument(help="Names of sweeps.", metavar="SWEEP...")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="rliable (score dictionary, JSON), marl-eval (JSON), episodes or progress (CSV), "
            "archive (the records in a .tar.xz that harness import reads).",
            metavar="FORMAT",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write.", metavar="FILE", show_default="standard output")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Write the results of sweeps for another program."""
    from analysis.exporting import FORMATS, ExportProblem, left_out
    from analysis.files import write_file
    from analysis.load import SweepError, load_sweeps
    from harness.spec import SpecError

    if form == ARCHIVE:
        _archive(sweeps, out, runs_dir)
        return
    if form not in FORMATS:
        raise SpecError(f"--format {form}: expected one of {', '.join([*FORMATS, ARCHIVE])}")
    try:
        loaded = load_sweeps(runs_dir, sweeps)
        text = FORMATS[form](loaded.settings)
    except (SweepError, ExportProblem) as error:
        raise SpecError(str(error)) from None
    if out is None:
        typer.echo(text, nl=False)
    else:
        with writing("--out", out, "a file in an existing directory"):
            write_file(out, text)
    for line in (*loaded.unreadable, *left_out(form, loaded.settings)):
        typer.echo(f"warning: left out: {line}", err=True)


def _archive(sweeps: list[str], out: Path | None, runs_dir: Path) -> None:
    from analysis.archive import SUFFIX, write_archive
    from analysis.load import SweepError, sweep_directory
    from harness.spec import SpecError

    if len(sweeps) != 1 or out is None or not out.name.endswith(SUFFIX):
        raise SpecError(f"--format {ARCHIVE}: expected one sweep and --out FILE{SUFFIX}")
    try:
        directory = sweep_directory(runs_dir, sweeps[0])
        with writing("--out", out, "a file in an existing directory"):
            n_runs = write_archive(directory, out)
    except SweepError as error:
        raise SpecError(str(error)) from None
    typer.echo(f"wrote {out}: {counted(n_runs, 'run')}", err=True)
