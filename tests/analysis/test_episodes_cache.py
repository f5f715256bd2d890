from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from analysis import episodes_cache
from analysis.episodes import Episodes
from analysis.episodes_cache import CACHE_NAME, read_episodes
from harness.records import RecordError, find_runs


def read(runs, **options) -> list:
    directory = runs.root / "sweep"
    return read_episodes(directory, find_runs(directory), **options)


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """Names of the run directories whose text was read."""
    names: list[str] = []
    original = episodes_cache._parse_one

    def spy(record):
        names.append(record.directory.name)
        return original(record)

    monkeypatch.setattr(episodes_cache, "_parse_one", spy)
    return names


def test_cached_episodes_are_those_of_the_text(runs) -> None:
    for seed in range(3):
        runs.add(np.random.default_rng(seed).normal(size=7 * seed), seed=seed, length=3)
    text = read(runs)
    assert not (runs.root / "sweep" / CACHE_NAME).exists()  # too little to be worth it
    first, again = read(runs, cached_from=0), read(runs, cached_from=0)
    assert (runs.root / "sweep" / CACHE_NAME).exists()
    for one, two, three in zip(text, first, again, strict=True):
        for other in (two, three):
            assert one.frame().equals(other.frame())
    assert list(again[2].frame().columns) == [
        "episode",
        "timestep",
        "env_index",
        "return",
        "length",
        "wall_time",
    ]


def test_only_what_changed_is_read_again(runs, parsed) -> None:
    directories = [runs.add([1.0, 2.0], seed=seed) for seed in range(3)]
    read(runs, cached_from=0)
    assert parsed == ["seed-0", "seed-1", "seed-2"]
    parsed.clear()
    read(runs, cached_from=0)
    assert parsed == []
    with (directories[1] / "episodes.csv").open("a") as file:
        file.write("3,30,0,9.0,10,3.000\n")
    runs.add([5.0], seed=3)
    found = read(runs, cached_from=0)
    assert parsed == ["seed-1", "seed-3"]
    assert [list(episodes.returns) for episodes in found] == [[1, 2], [1, 2, 9], [1, 2], [5]]


def test_a_file_of_the_same_size_but_another_time_is_read_again(runs, parsed) -> None:
    path = runs.add([1.0]) / "episodes.csv"
    read(runs, cached_from=0)
    path.write_text(path.read_text().replace("1.0,10", "8.0,10"))
    os.utime(path, ns=(1, 1))
    assert list(read(runs, cached_from=0)[0].returns) == [8.0]


@pytest.mark.parametrize("damage", [lambda b: b[:-3], lambda b: b[:5], lambda b: b"x" + b[1:], lambda b: b""])
def test_a_damaged_cache_is_written_anew(runs, parsed, damage) -> None:
    runs.add([1.0, 2.0])
    read(runs, cached_from=0)
    path = runs.root / "sweep" / CACHE_NAME
    path.write_bytes(damage(path.read_bytes()))
    parsed.clear()
    assert list(read(runs, cached_from=0)[0].returns) == [1.0, 2.0]
    assert parsed == ["seed-0"]
    assert list(read(runs, cached_from=0)[0].returns) == [1.0, 2.0]
    assert parsed == ["seed-0"]


def test_damaged_text_is_an_error_each_time_and_never_cached(runs) -> None:
    path = runs.add([1.0, 2.0]) / "episodes.csv"
    path.write_text(path.read_text()[:-4])
    for _ in range(2):
        (found,) = read(runs, cached_from=0)
        assert isinstance(found, RecordError)
        assert str(path) in str(found)


def test_a_directory_that_cannot_be_written_is_read_without_a_cache(runs, monkeypatch) -> None:
    runs.add([1.0, 2.0])

    def refuse(self):
        raise PermissionError("read-only")

    monkeypatch.setattr(episodes_cache._Writer, "__enter__", refuse)
    assert list(read(runs, cached_from=0)[0].returns) == [1.0, 2.0]


def test_episodes_are_read_where_another_report_has_replaced_the_cache(runs, monkeypatch) -> None:
    path = runs.add([1.0, 2.0], state="running") / "episodes.csv"
    write = episodes_cache._Writer.__exit__

    def write_and_be_overtaken(self, kind, *rest):
        write(self, kind, *rest)
        monkeypatch.setattr(episodes_cache._Writer, "__exit__", write)
        with path.open("a") as file:
            file.write("3,30,0,9.0,10,3.000\n")
        assert len(read(runs, cached_from=0)[0]) == 3

    monkeypatch.setattr(episodes_cache._Writer, "__exit__", write_and_be_overtaken)
    assert list(read(runs, cached_from=0)[0].returns) == [1.0, 2.0, 9.0]


def test_a_cache_that_cannot_be_mapped_loses_nothing(runs, monkeypatch) -> None:
    runs.add([1.0, 2.0])

    def refuse(*_, **__):
        raise OSError("no such device")

    monkeypatch.setattr(episodes_cache.np, "memmap", refuse)
    assert list(read(runs, cached_from=0)[0].returns) == [1.0, 2.0]


def test_several_processes_read_the_same(runs, monkeypatch) -> None:
    for seed in range(3):
        runs.add([float(seed)], seed=seed)
    monkeypatch.setattr(episodes_cache, "PARALLEL_FROM", 0)
    monkeypatch.setattr(episodes_cache.os, "cpu_count", lambda: 2)
    assert [list(episodes.returns) for episodes in read(runs)] == [[0.0], [1.0], [2.0]]


def test_a_run_without_episodes(runs, tmp_path: Path) -> None:
    (runs.add([1.0]) / "episodes.csv").unlink()
    (found,) = read(runs, cached_from=0)
    assert isinstance(found, Episodes)
    assert len(found) == 0
