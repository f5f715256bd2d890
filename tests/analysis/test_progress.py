from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.progress import read_progress
from harness.records import RecordError, RunRecord


def record_of(directory: Path, text: str) -> RunRecord:
    (directory / "progress.csv").write_text(text)
    return RunRecord(directory)


def test_columns_by_name_with_nan_where_a_row_has_no_value(tmp_path: Path) -> None:
    progress = read_progress(record_of(tmp_path, "b,a,c\n1,,x\n2,3.5,y\n"), ["a", "b"])
    np.testing.assert_array_equal(progress.columns["a"], [np.nan, 3.5])
    np.testing.assert_array_equal(progress.columns["b"], [1.0, 2.0])
    assert progress.missing == ()
    assert progress.damaged_rows == 0


def test_missing_columns_are_named(tmp_path: Path) -> None:
    progress = read_progress(record_of(tmp_path, "a\n1\n"), ["a", "train/kl_exact", "z"])
    assert progress.missing == ("train/kl_exact", "z")
    assert list(progress.columns) == ["a"]


@pytest.mark.parametrize("tail", ["3,4", "3", "3,", "3\n", "3,4,5\n", "3,fo\n"])
def test_a_cut_or_damaged_row_is_left_out_and_counted(tmp_path: Path, tail: str) -> None:
    progress = read_progress(record_of(tmp_path, f"a,b\n1,2\n{tail}"), ["a", "b"])
    np.testing.assert_array_equal(progress.columns["a"], [1.0])
    np.testing.assert_array_equal(progress.columns["b"], [2.0])
    assert progress.damaged_rows == 1


def test_rows_in_which_all_of_several_columns_are_known(tmp_path: Path) -> None:
    progress = read_progress(record_of(tmp_path, "a,b\n1,\n2,5\n3,nan\n4,7\n"), ["a", "b", "c"])
    a, b = progress.known("a", "b")
    np.testing.assert_array_equal(a, [2.0, 4.0])
    np.testing.assert_array_equal(b, [5.0, 7.0])
    assert [len(values) for values in progress.known("a", "c")] == [0, 0]


@pytest.mark.parametrize("text", [None, "", "a"])
def test_before_the_first_row_every_column_is_missing_or_empty(tmp_path: Path, text: str | None) -> None:
    record = RunRecord(tmp_path) if text is None else record_of(tmp_path, text)
    progress = read_progress(record, ["a"])
    assert [len(values) for values in progress.known("a")] == [0]
    assert progress.damaged_rows == 0


def test_what_is_no_table_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"progress\.csv: column 'a' is there twice"):
        read_progress(record_of(tmp_path, "a,a\n1,2\n"), ["a"])
    (tmp_path / "progress.csv").write_bytes(b"a\n\xff\n")
    with pytest.raises(RecordError, match=r"progress\.csv: not readable"):
        read_progress(RunRecord(tmp_path), ["a"])
