"""One table model, rendered to a terminal, Markdown, CSV and JSON.

An entry has two sides: ``text`` for people (terminal, Markdown) and named ``values`` for programs (CSV,
JSON).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import rich.box
import rich.table
from rich.text import Text

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Column:
    """A column's title and alignment."""

    title: str
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Entry:
    """What stands in one row under one column: text for people, values by name for programs."""

    text: str
    values: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Columns and rows, with notes that explain them.

    Raises:
        ValueError: a row does not fit the columns, or rows differ in the names of their values.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number}: expected {len(self.columns)} entries, got {len(row)}")
        if any(list(record) != self.value_names for record in self.records()):
            raise ValueError("every row must name the same values in the same order")

    @property
    def value_names(self) -> list[str]:
        """Names of the values, in the order of the columns."""
        return [name for entry in self.rows[0] for name in entry.values] if self.rows else []

    def records(self) -> list[dict[str, Scalar]]:
        """One dict of values per row."""
        return [{name: value for entry in row for name, value in entry.values.items()} for row in self.rows]

    def to_rich(self) -> rich.table.Table:
        """For a terminal: ``rich.print(table.to_rich())``."""
        table = rich.table.Table(
            title=self.title, caption="\n".join(self.notes), caption_justify="left", box=rich.box.SIMPLE_HEAD
        )
        for column in self.columns:
            table.add_column(column.title, justify=column.align, no_wrap=column.align == "left")
        for row in self.rows:
            table.add_row(*(Text(entry.text) for entry in row))
        return table

    def to_markdown(self) -> str:
        """A GitHub-flavoured Markdown table, with the notes as a list below it."""
        rule = ["---:" if column.align == "right" else ":---" for column in self.columns]
        lines = [[column.title for column in self.columns], rule]
        lines += [[entry.text for entry in row] for row in self.rows]
        table = "\n".join(
            "| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines
        )
        notes = "\n".join(f"- {note}" for note in self.notes)
        return table + "\n" + (f"\n{notes}\n" if notes else "")

    def to_csv(self) -> str:
        """A header of value names and one line per row; None is an empty field."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, self.value_names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.records())
        return buffer.getvalue()

    def to_json(self) -> str:
        """A list of objects, one per row; None is null."""
        return json.dumps(self.records(), indent=2, allow_nan=False) + "\n"
