"""One table model, rendered to a terminal, Markdown, LaTeX, HTML, CSV and JSON.

An entry has two sides: ``text`` for people (terminal, Markdown, LaTeX, HTML) and named ``values`` for
programs (CSV, JSON).
"""

from __future__ import annotations

import csv
import html
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
    """A column's title and alignment, and the name of the value that sorts it (by default the first).

    ``wrap`` lets a terminal break the lines of a column that is aligned to the left.
    """

    title: str
    align: Literal["left", "right"] = "right"
    sort_by: str | None = None
    wrap: bool = False


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

    def sort_keys(self) -> list[list[Scalar]]:
        """``[rows][columns]`` what rows are sorted by: numbers and None, or texts where any entry has one."""
        columns = [self._sort_keys(index, column) for index, column in enumerate(self.columns)]
        return [list(keys) for keys in zip(*columns, strict=True)]

    def _sort_keys(self, index: int, column: Column) -> list[Scalar]:
        entries = [row[index] for row in self.rows]
        name = column.sort_by
        keys = [next(iter(e.values.values()), None) if name is None else e.values[name] for e in entries]
        numeric = all(key is None or isinstance(key, int | float) for key in keys) and set(keys) != {None}
        return keys if numeric else [entry.text for entry in entries]

    def to_rich(self) -> rich.table.Table:
        """For a terminal: ``rich.print(table.to_rich())``."""
        table = rich.table.Table(
            title=Text(self.title),
            caption=Text("\n".join(self.notes)),
            caption_justify="left",
            box=rich.box.SIMPLE_HEAD,
        )
        for column in self.columns:
            no_wrap = column.align == "left" and not column.wrap
            table.add_column(column.title, justify=column.align, no_wrap=no_wrap)
        for row in self.rows:
            table.add_row(*(Text(entry.text) for entry in row))
        return table

    def to_markdown(self) -> str:
        """A GitHub-flavoured Markdown table, with the notes as a list below it."""
        rule = ["---:" if column.align == "right" else ":---" for column in self.columns]
        head, *body = self._lines()
        lines = [head, rule, *body]
        table = "\n".join(
            "| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines
        )
        notes = "\n".join(f"- {note}" for note in self.notes)
        return table + "\n" + (f"\n{notes}\n" if notes else "")

    def to_latex(self) -> str:
        """A ``table`` for a document that loads booktabs, the notes below it."""
        columns = "".join("r" if column.align == "right" else "l" for column in self.columns)
        lines = [" & ".join(map(_latex, line)) + r" \\" for line in self._lines()]
        parts = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(self.title)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {_latex(note)}" for note in self.notes),
            r"\end{table}",
        ]
        return "\n".join(parts) + "\n"

    def to_html(self) -> str:
        """A ``<table>`` without styles but for the alignment, the notes as a list below it."""
        head, *body = self._lines()
        parts = ["<table>", f"<caption>{html.escape(self.title)}</caption>"]
        parts += ["<thead>", self._html_row("th", head), "</thead>", "<tbody>"]
        parts += [self._html_row("td", line) for line in body]
        parts += ["</tbody>", "</table>"]
        if self.notes:
            parts += ["<ul>", *(f"<li>{html.escape(note)}</li>" for note in self.notes), "</ul>"]
        return "\n".join(parts) + "\n"

    def _lines(self) -> list[list[str]]:
        titles = [column.title for column in self.columns]
        return [titles, *([entry.text for entry in row] for row in self.rows)]

    def _html_row(self, tag: str, line: list[str]) -> str:
        cells = (
            f'<{tag} style="text-align: {column.align}">{html.escape(text)}</{tag}>'
            for column, text in zip(self.columns, line, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

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


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
