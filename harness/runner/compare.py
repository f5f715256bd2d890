"""Whether two runs left the same: their records without wall-clock columns, and their final models."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.records import RunRecord

WALL_CLOCK = {"episodes.csv": {"wall_time"}, "progress.csv": {"time/fps", "time/time_elapsed"}}


@dataclass(frozen=True)
class Comparison:
    """One file of one interrupted run beside the whole run's; ``difference`` is None where they are equal."""

    run: int
    what: str
    difference: str | None


def compare(whole: RunRecord, other: RunRecord, number: int) -> list[Comparison]:
    """Records and final models of two runs."""
    found = [
        Comparison(number, name, _table_difference(whole.directory / name, other.directory / name, clock))
        for name, clock in WALL_CLOCK.items()
    ]
    return [*found, Comparison(number, "final model", _model_difference(whole, other))]


def _table_difference(whole: Path, other: Path, wall_clock: set[str]) -> str | None:
    tables = []
    for path in (whole, other):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        keep = [i for i, column in enumerate(rows[0] if rows else []) if column not in wall_clock]
        tables.append([[row[i] for i in keep] for row in rows])
    first, second = tables
    for line, (expected, found) in enumerate(zip(first, second, strict=False), start=1):
        if expected != found:
            return f"line {line}: {','.join(found)} instead of {','.join(expected)}"
    if len(first) != len(second):
        return f"{len(second)} lines instead of {len(first)}"
    return None


def _model_difference(whole: RunRecord, other: RunRecord) -> str | None:
    first, second = _tensors(whole), _tensors(other)
    if first.keys() != second.keys():
        return f"other tensors: {', '.join(sorted(first.keys() ^ second.keys()))}"
    for name, value in first.items():
        if value != second[name]:
            return f"{name} differs"
    return None


def _tensors(record: RunRecord) -> dict[str, Any]:
    """Every tensor and number of the model's parameters and optimizers, tensors as bytes."""
    found: dict[str, Any] = {}

    def walk(place: str, value: Any) -> None:
        if isinstance(value, torch.Tensor):
            content = value.detach().cpu().reshape(-1)
            found[place] = (str(value.dtype), tuple(value.shape), content.view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            for key, item in value.items():
                walk(f"{place}.{key}", item)
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                walk(f"{place}.{index}", item)
        else:
            found[place] = value

    with zipfile.ZipFile(record.model_file) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".pth"):
                walk(name, torch.load(io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True))
    return found
