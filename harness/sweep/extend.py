"""A longer budget for a finished run: it goes on from the last checkpoint instead of beginning anew.

A run's budget is part of its identity, so the longer run has a directory of its own, and the shorter one
stays as it is. Where a hyper-parameter follows a schedule over the budget, the shorter run trained otherwise
from its first update on, and there is nothing to go on from.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from algos.schedules import is_schedule
from harness.records import RECORD_VERSION, RecordError, RunRecord, write_json
from harness.spec import RunSpec, identity_of


@dataclass(frozen=True)
class Shorter:
    """A finished run that differs from a desired one in nothing but a smaller budget.

    Attributes:
        record: its directory.
        n_timesteps: its budget.
        schedules: hyper-parameters that follow a schedule; if there are any, it cannot be continued.
        checkpoint: its newest checkpoint's directory, if it has one.
    """

    record: RunRecord
    n_timesteps: int
    schedules: tuple[str, ...]
    checkpoint: Path | None

    @property
    def usable(self) -> bool:
        """Whether the longer run can go on from it."""
        return self.checkpoint is not None and not self.schedules

    def describe(self) -> str:
        """For the plan: that the longer run goes on from it, or why it does not."""
        place = f"{self.record.directory} ({self.n_timesteps:,} timesteps)"
        if self.usable:
            return f"goes on from {place}"
        if self.schedules:
            return f"begins anew, not from {place}: {', '.join(self.schedules)} change over the budget"
        return f"begins anew, not from {place}: it has no checkpoint"


class ShorterRuns:
    """The shorter runs of a sweep; its directories are read once, one record per setting.

    Args:
        directory: ``runs/<sweep>``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._keys: dict[str, str] = {}

    @cached_property
    def _settings(self) -> dict[tuple[str, str, str], list[tuple[int, Path]]]:
        """Label, environment's directory and setting without budget, to budgets and directories."""
        found: dict[tuple[str, str, str], list[tuple[int, Path]]] = {}
        for setting in sorted(self.directory.glob("*/*/*")):
            seed = next(setting.glob("seed-*/run.json"), None)
            if seed is None or setting.parts[-3].startswith("."):
                continue
            spec = RunRecord(seed.parent).spec
            key = (setting.parts[-3], setting.parts[-2], _without_budget(spec))
            found.setdefault(key, []).append((int(spec["n_timesteps"]), setting))
        return found

    def of(self, spec: RunSpec) -> Shorter | None:
        """The longest finished run that ``spec`` is a longer version of; ``None`` if there is none."""
        if not self._settings:
            return None
        if spec.identity not in self._keys:  # the seeds of a setting share it
            content = spec.model_dump(mode="json")
            self._keys[spec.identity] = _without_budget(content)
        key = (spec.label, spec.env_id.replace("/", "-"), self._keys[spec.identity])
        for n_timesteps, setting in sorted(self._settings.get(key, []), reverse=True):
            record = RunRecord(setting / f"seed-{spec.seed}")
            if n_timesteps < spec.n_timesteps and _done(record):
                checkpoints = sorted(record.checkpoints_directory.glob("step-*"))
                schedules = tuple(_schedules(spec.hyperparameters))
                return Shorter(record, n_timesteps, schedules, checkpoints[-1] if checkpoints else None)
        return None


def create_record(record: RunRecord, spec: RunSpec, sweep: str, shorter: Shorter | None) -> None:
    """Make a run's record: at its start, or at the shorter run's last checkpoint, its attempts taken over.

    A damaged checkpoint is not gone on from; ``run.json`` then says why, at ``extends``. ``run.json`` comes
    last, so that what was interrupted in between is begun again.

    Raises:
        OSError: a file cannot be written.
    """
    if shorter is None or not shorter.usable:
        record.create(spec.to_json(), sweep)
        return
    extends: dict[str, Any] = {"directory": str(shorter.record.directory)}
    try:
        extends["timesteps"] = _take_over(record, spec, shorter)
        attempts, timesteps = shorter.record.attempts, extends["timesteps"]
    except ValueError as damaged:
        extends["problem"] = str(damaged)
        attempts, timesteps = [], 0
    content = {"record_version": RECORD_VERSION, "sweep": sweep, "spec": spec.to_json()}
    record.directory.mkdir(parents=True, exist_ok=True)
    write_json(record.run_file, {**content, "extends": extends, "attempts": attempts})
    record.set_status("pending", timesteps=timesteps, n_timesteps=spec.n_timesteps)


def _take_over(record: RunRecord, spec: RunSpec, shorter: Shorter) -> int:
    """Bring the shorter run's episodes and checkpoint into the longer one's directory; return its timesteps.

    Raises:
        ValueError: one of them is damaged.
    """
    from harness.runner.checkpoint import open_checkpoint, write_checkpoint  # loads torch

    assert shorter.checkpoint is not None
    checkpoint = open_checkpoint(shorter.checkpoint)
    checkpoint.episodes.check(shorter.record.episodes_file)
    shutil.rmtree(record.directory, ignore_errors=True)
    record.directory.mkdir(parents=True)
    shutil.copyfile(shorter.record.episodes_file, record.episodes_file)
    checkpoint.restore_progress(record.progress_file)
    kept = {k: v for k, v in checkpoint.manifest.items() if k not in ("checkpoint_version", "files")}
    write_checkpoint(
        record.checkpoints_directory,
        {**kept, "spec": spec.to_json()},
        checkpoint.training(),
        checkpoint.environments(),
        record.progress_file,
    )
    return checkpoint.timesteps


def _done(record: RunRecord) -> bool:
    try:
        return bool(record.status()["state"] == "done")
    except RecordError:
        return False


def _schedules(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in settings.items():
        if is_schedule(value):
            yield f"{prefix}{name}"
        elif isinstance(value, Mapping):
            yield from _schedules(value, f"{prefix}{name}.")


def _without_budget(spec: Mapping[str, Any]) -> str:
    return identity_of({k: v for k, v in spec.items() if k not in ("seed", "label", "n_timesteps")})
