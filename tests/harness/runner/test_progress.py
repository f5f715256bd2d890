"""``progress.csv``: SB3's rows, in an order that repeats itself, continued where it stopped."""

from __future__ import annotations

import resource
from pathlib import Path

import pandas as pd
import pytest

from harness.runner.progress import make_logger


def test_new_metrics_become_columns_and_rows_before_keep_their_places(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    logger = make_logger(path)
    logger.record("b", 0.1)
    logger.dump(1)
    logger.record("c", "x,y")
    logger.record("b", 2)
    logger.record("hidden", 1, exclude="csv")
    logger.dump(2)
    logger.close()
    assert path.read_text() == 'b,c\n0.1,\n2,"x,y"\n'
    resumed = make_logger(path)
    resumed.record("a", 1)
    resumed.record("c", "z")
    resumed.dump(3)
    resumed.close()
    assert path.read_text() == 'b,c,a\n0.1,,\n2,"x,y",\n,z,1\n'
    assert pd.read_csv(path)["c"].tolist()[1:] == ["x,y", "z"]


def test_an_empty_file_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    path.touch()
    logger = make_logger(path)
    logger.record("a", 1)
    logger.dump(1)
    logger.close()
    assert path.read_text() == "a\n1\n"


def test_a_row_that_does_not_fit_on_the_disk_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    logger = make_logger(path)
    logger.record("a", 1)
    logger.dump(1)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    logger.record("a", 123456789)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 4, limits[1]))
    try:
        with pytest.raises(OSError, match=r"progress\.csv") as caught:
            logger.dump(2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(path)
    logger.close()
    assert path.read_bytes() == before
