"""``harness logs``: what a run's worker printed."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from harness.records import RunRecord

FOLLOW_SECONDS = 0.5
STATE_SECONDS = 2.0
QUEUE_SECONDS = 5.0
SWEEP_ABOVE = 3
"""Of a run directory's parents, the sweep's."""


def logs(
    run_dir: Annotated[Path, typer.Argument(help="A run directory.", metavar="RUN_DIR")],
    lines: Annotated[int | None, typer.Option("--lines", "-n", help="Only the last so many lines.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on printing until the run is done or has failed.")
    ] = False,
) -> None:
    """Print the log of a run, all attempts, oldest first."""
    from harness.records import RecordError, RunRecord
    from harness.spec import SpecError

    if lines is not None and lines < 1:
        raise SpecError(f"--lines {lines}: expected a number >= 1")

    record = RunRecord(run_dir)
    path = record.log_file
    try:
        if follow:
            _wait_for_start(record)
        content = path.read_bytes()
    except FileNotFoundError:
        if record.run_file.exists():
            raise SpecError(f"{run_dir}: {_without_log(record)}") from None
        raise RecordError(f"{path}: no such file; expected a directory as in runs/<sweep>/…/seed-0") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from None
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = "".join(decoder.decode(content, final=not follow).splitlines(keepends=True)[-(lines or 0) :])
    typer.echo(text, nl=not follow and not text.endswith("\n"))
    if follow:
        try:
            for more in _following(record, len(content)):
                typer.echo(decoder.decode(more), nl=False)
        except FileNotFoundError:
            raise RecordError(f"{path}: was removed while it was followed") from None


def _wait_for_start(record: RunRecord) -> None:
    """Wait while the run is in a queue and has no log yet."""
    said = False
    while not record.log_file.exists() and record.run_file.exists():
        if _found(record)[0] != "queued":
            return
        if not said:
            typer.echo("queued; waiting for its start", err=True)
            said = True
        time.sleep(QUEUE_SECONDS)


def _without_log(record: RunRecord) -> str:
    """What is known of a run without a log."""
    state, status = _found(record)
    if state == "done":
        return "has no log; it was imported, or the log was removed"
    return f"was not started yet; {status.get('error') or f'it is {state}'}"


def _found(record: RunRecord) -> tuple[str, dict[str, Any]]:
    """Its state and status; the scheduler is asked too."""
    from harness.records import RunRecord
    from harness.sweep.slurm.submissions import Jobs
    from harness.sweep.state import found_state

    resolved = RunRecord(record.directory.resolve())
    above = resolved.directory.parents
    return found_state(resolved, Jobs(above[SWEEP_ABOVE]).of if len(above) > SWEEP_ABOVE else None)


def _following(record: RunRecord, position: int) -> Iterator[bytes]:
    """What is added to the log after ``position``, until the run is done or has failed."""
    ended, next_look = False, 0.0
    while True:
        if time.monotonic() >= next_look:
            ended = record.status()["state"] in ("done", "failed")
            next_look = time.monotonic() + STATE_SECONDS
        with record.log_file.open("rb") as file:
            file.seek(position)
            added = file.read()
        if added:
            position += len(added)
            yield added
        elif ended:
            return
        time.sleep(FOLLOW_SECONDS)
