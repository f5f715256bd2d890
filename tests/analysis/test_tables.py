from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

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
        notes=("A note [v1].",),
    )


def test_markdown(table: Table) -> None:
    assert table.to_markdown() == (
        "| Agent | Score |\n| :--- | ---: |\n| a\\|b [bold] | 1.5 ± 0.5 |\n| c | none |\n\n- A note [v1].\n"
    )


def test_latex_is_escaped_and_uses_booktabs() -> None:
    table = Table(
        title="A & B_1",
        columns=(Column("Agent", "left"), Column("x^2 < 5%")),
        rows=((Entry(r"a\b {c} #1"), Entry("1 ± 2 $")),),
        notes=("50 %.",),
    )
    assert table.to_latex().splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{A \& B\_1}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"Agent & x\textasciicircum{}2 \textless{} 5\% \\",
        r"\midrule",
        r"a\textbackslash{}b \{c\} \#1 & 1 $\pm$ 2 \$ \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\footnotesize 50 \%.",
        r"\end{table}",
    ]


def test_html_is_escaped(table: Table) -> None:
    html = Table("<t>", table.columns, table.rows, ("a < b",)).to_html()
    assert "<caption>&lt;t&gt;</caption>" in html
    assert '<td style="text-align: right">1.5 ± 0.5</td>' in html
    assert '<th style="text-align: left">Agent</th>' in html
    assert "<li>a &lt; b</li>" in html
    parser = ElementTree.fromstring(f"<div>{html}</div>")
    assert [len(row) for row in parser.iter("tr")] == [2, 2, 2]


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
    for text in ("Scores", "a|b [bold]", "1.5 ± 0.5", "A note [v1]."):
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
