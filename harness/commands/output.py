"""What the subcommands share: options, tables and JSON on standard output."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

RunsDir = Annotated[Path, typer.Option(help="Directory of all sweeps.", metavar="DIR")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for another program.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Start from zero what is not done yet; drop its checkpoints.")
]
AllowCodeChange = Annotated[
    bool, typer.Option("--allow-code-change", help="Continue from checkpoints of other code; it is recorded.")
]
RUNS_DIR = Path("runs")
PLAIN_WIDTH = 200
SILENT = "squeue does not answer: runs that a job held count as queued or running until it does"


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""The disk is the reason, and not which path was given."""


@contextmanager
def writing(option: str, path: Path, expected: str = "a file") -> Iterator[None]:
    """What cannot be written to the ``path`` that ``option`` gave is one line with the file's name.

    Raises:
        SpecError: in place of an ``OSError`` of the block.
    """
    from harness.spec import SpecError

    try:
        yield
    except OSError as error:
        inside = f"{error.filename}: " if error.filename and Path(error.filename) != path else ""
        hint = "" if inside or error.errno in FULL else f"; expected {expected}"
        raise SpecError(f"{option} {path}: {inside}cannot be written ({error.strerror}){hint}") from None


def print_json(content: Any) -> None:
    """Print ``content`` as indented JSON."""
    typer.echo(json.dumps(content, indent=2, allow_nan=False))


def counted(number: int, thing: str) -> str:
    """``1 run`` or ``12 runs``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def console() -> Console:
    """A console on standard output, wide where that is no terminal, so that no cell is cut."""
    from rich.console import Console

    probe = Console()
    return probe if probe.is_terminal else Console(width=PLAIN_WIDTH)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table; the columns named in ``right`` are aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)
