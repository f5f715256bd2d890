from __future__ import annotations

from analysis.tables import Column, Entry, Table


def test_rows_sort_by_the_first_value_the_named_one_or_the_text() -> None:
    table = Table(
        "",
        (Column("Agent"), Column("Mean"), Column("N", sort_by="n"), Column("Seeds"), Column("Note")),
        (
            (
                Entry("b", {"agent": "b"}),
                Entry("1,000 ± 2", {"mean": 1000.0, "std": 2.0}),
                Entry("N/A (1/2: 7)", {"reached": 1, "n": None}),
                Entry("2, 2"),
                Entry("x"),
            ),
            (
                Entry("a", {"agent": "a"}),
                Entry("none", {"mean": None, "std": None}),
                Entry("5", {"reached": 2, "n": 5}),
                Entry("3, 3"),
                Entry("y"),
            ),
        ),
    )
    assert table.sort_keys() == [["b", 1000.0, None, "2, 2", "x"], ["a", None, 5, "3, 3", "y"]]


def test_a_column_without_any_value_sorts_as_text() -> None:
    table = Table("", (Column("A"),), ((Entry("-", {"a": None}),), (Entry("N/A", {"a": None}),)))
    assert table.sort_keys() == [["-"], ["N/A"]]
