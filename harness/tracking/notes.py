"""Warnings about tracking, where a reader of the run looks."""

from __future__ import annotations

import sys

from harness.records import RunRecord


def note(record: RunRecord, line: str) -> None:
    """Add a warning to ``log.txt``, or to standard error where that cannot be written."""
    try:
        with record.log_file.open("a", encoding="utf-8") as log:
            log.write(f"warning: W&B: {line}\n")
    except OSError as error:
        print(f"{record.log_file}: cannot be written: {error}", file=sys.stderr)
