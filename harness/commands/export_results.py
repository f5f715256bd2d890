"""``harness export``: a sweep's results for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.output import RUNS_DIR, RunsDir


def export_results(
    sweeps: Annotated[list[str], typer.Argument(help="Names of sweeps.", metavar="SWEEP...")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="rliable (score dictionary, JSON), marl-eval (JSON), episodes or progress (CSV).",
            metavar="FORMAT",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write.", metavar="FILE", show_default="standard output")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Write the results of sweeps for another program."""
    from analysis.exporting import FORMATS, ExportProblem
    from analysis.load import SweepError, load_sweeps
    from harness.spec import SpecError

    if form not in FORMATS:
        raise SpecError(f"--format {form}: expected one of {', '.join(FORMATS)}")
    try:
        loaded = load_sweeps(runs_dir, sweeps)
        text = FORMATS[form](loaded.settings)
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")
    except (SweepError, ExportProblem) as error:
        raise SpecError(str(error)) from None
    except OSError as error:
        raise SpecError(f"--out {out}: cannot be written ({error.strerror})") from None
    for line in loaded.unreadable:
        typer.echo(f"warning: left out: {line}", err=True)
