"""The record of looks: as it was written, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.looks import FILE, Comparison, Look, Looks, Rule, read_looks, write_looks
from harness.records import RecordError

RULE = Rule("a2c", "last100", 0.05, "holm", "pocock", start=0, min=3, max=7, step=2)
LOOK = Look(5, (1.0,) * 5, (2.0,) * 5, -1.0, 0.05, 0.2, 0.01, None, "open", 7.0)
RECORD = Looks(
    RULE,
    (
        Comparison("acktr", "Pong", "x", "y", (5, 7)).with_look(LOOK),
        Comparison("trpo", "Pong", "z", "y", (5, 7)),
    ),
)


def test_as_it_was_written(tmp_path: Path) -> None:
    assert read_looks(tmp_path / "s") is None
    write_looks(tmp_path / "s", RECORD)
    assert read_looks(tmp_path / "s") == RECORD
    assert [path.name for path in (tmp_path / "s").iterdir()] == [FILE]


def test_what_is_needed() -> None:
    first, second = RECORD.comparisons
    assert (first.decision, first.needed) == ("open", 7)
    assert (second.decision, second.needed) == ("open", 5)
    decided = Comparison("a", "b", "c", "d", (5, 7)).with_look(
        Look(5, (1.0,) * 5, (2.0,) * 5, -1.0, 0.05, 0.01, 0.01, 0.5, "lower", 7.0)
    )
    assert (decided.decision, decided.needed) == ("lower", 5)
    assert Looks(RULE, (first, decided)).open == [first]


def change(content: Any, *path: Any, to: Any) -> None:
    for part in path[:-1]:
        content = content[part]
    content[path[-1]] = to


@pytest.mark.parametrize(
    ("path", "to", "said"),
    [
        (("version",), 2, "version is 2, expected 1"),
        (("rule", "max"), 8, "other than the planned ones"),
        (("rule",), {}, "damaged"),
        (("comparisons", 0, "looks", 0, "seeds"), 6, "one score per seed"),
        (("comparisons", 0, "looks", 0, "decision"), "yes", "damaged"),
        (("comparisons", 0, "looks", 0, "scores"), [float("nan")] * 5, "not finite"),
        (("comparisons", 0, "planned"), [4, 7], "other than the planned ones"),
        (("comparisons", 0), 7, "damaged"),
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, path: tuple[Any, ...], to: Any, said: str) -> None:
    write_looks(tmp_path, RECORD)
    content = json.loads((tmp_path / FILE).read_text())
    change(content, *path, to=to)
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(RecordError, match=said) as caught:
        read_looks(tmp_path)
    assert FILE in str(caught.value)
    assert "\n" not in str(caught.value)
