"""``harness logs``: what a run's worker printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def logs(
    run_dir: Annotated[Path, typer.Argument(help="A run directory.", metavar="RUN_DIR")],
    lines: Annotated[int | None, typer.Option("--lines", "-n", help="Only the last so many lines.")] = None,
) -> None:
    """Print the log of a run, all attempts, oldest first."""
    from harness.records import RecordError, RunRecord
    from harness.spec import SpecError

    if lines is not None and lines < 1:
        raise SpecError(f"--lines {lines}: expected a number >= 1")

    path = RunRecord(run_dir).log_file
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file; expected a directory as in runs/<sweep>/…/seed-0") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from None
    kept = text.splitlines()[-lines:] if lines else text.splitlines()
    typer.echo("\n".join(kept))
