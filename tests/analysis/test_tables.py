from __future__ import annotations

import csv
import io
import json

import pytest
from rich.console import Console

from analysis.formats import count_text, level_text, returns_text, short_env_id, timesteps_text
from analysis.tables import Column, Entry, Table


@pytest.fixture
def table() -> Table:
    return Table(
        title="Scores",
        columns=(Column("Agent", "left"), Column("Score")),
        rows=(
            (Entry("a|b [bold]", {"agent": "a|b"}), Entry("1.5 ± 0.5", {"mean": 1.5, "std": 0.5})),
            (Entry("c", {"agent": "c"}), Entry("none", {"mean": None, "std": None})),
        ),
        notes=("A note.",),
    )


def test_markdown(table: Table) -> None:
    assert table.to_markdown() == (
        "| Agent | Score |\n| :--- | ---: |\n| a\\|b [bold] | 1.5 ± 0.5 |\n| c | none |\n\n- A note.\n"
    )


def test_csv_has_values_and_empty_fields(table: Table) -> None:
    assert table.to_csv() == "agent,mean,std\na|b,1.5,0.5\nc,,\n"
    assert [row["mean"] for row in csv.DictReader(io.StringIO(table.to_csv()))] == ["1.5", ""]


def test_json_has_values_and_nulls(table: Table) -> None:
    assert json.loads(table.to_json()) == [
        {"agent": "a|b", "mean": 1.5, "std": 0.5},
        {"agent": "c", "mean": None, "std": None},
    ]


def test_terminal_shows_text_as_it_is(table: Table) -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(table.to_rich())
    shown = console.file.getvalue()
    for text in ("Scores", "a|b [bold]", "1.5 ± 0.5", "A note."):
        assert text in shown


def test_rows_that_do_not_fit_are_refused() -> None:
    column = (Column("A"),)
    with pytest.raises(ValueError, match="row 2: expected 1 entries, got 2"):
        Table("", column, ((Entry("x"),), (Entry("x"), Entry("y"))))
    with pytest.raises(ValueError, match="same values"):
        Table("", column, ((Entry("x", {"a": 1}),), (Entry("y", {"b": 1}),)))


def test_a_table_without_rows_renders() -> None:
    empty = Table("", (Column("A"),), ())
    assert empty.to_markdown() == "| A |\n| ---: |\n"
    assert json.loads(empty.to_json()) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (750, "750"),
        (999.6, "1k"),
        (12_500, "12.5k"),
        (999_999, "1M"),
        (10_000_000, "10M"),
        (3e12, "3000G"),
    ],
)
def test_timesteps_text(value: float, text: str) -> None:
    assert timesteps_text(value) == text


def test_number_texts() -> None:
    assert returns_text(13581.44) == "13,581.4"
    assert returns_text(-20.96) == "-21.0"
    assert (level_text(13455.0), level_text(31.8), level_text(-7.0)) == ("13,455", "31.8", "-7")
    assert count_text(14695.6) == "14,696"
    assert short_env_id("PongNoFrameskip-v4") == "Pong"
    assert short_env_id("HalfCheetah-v5") == "HalfCheetah-v5"
