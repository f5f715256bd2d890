"""Which checkpoint a run continues from, and what a reader of its record should know about that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from harness.provenance import code_difference
from harness.records import RecordError, RunRecord
from harness.runner.checkpoint import (
    Checkpoint,
    CheckpointDamaged,
    CheckpointRefused,
    checkpoint_directories,
    open_checkpoint,
)
from harness.spec import RunSpec


@dataclass(frozen=True)
class Circumstances:
    """What a checkpoint is of, and under what it was made.

    Attributes:
        spec: the RunSpec as plain data.
        provenance: the digest of the agent's code, and package versions.
        device: ``cpu`` or ``cuda``.
        processor: the model of the processor or the CUDA device: others round otherwise.
        num_threads: of torch and of the environments.
    """

    spec: Mapping[str, Any]
    provenance: Mapping[str, Any]
    device: str
    processor: str
    num_threads: int

    @classmethod
    def of(cls, spec: RunSpec, provenance: Mapping[str, Any], device: str, threads: int) -> Circumstances:
        """Those of this process."""
        code = {key: provenance[key] for key in ("agent_digest", "packages")}
        processor = torch.cuda.get_device_name() if device == "cuda" else provenance["cpu"]
        return cls(spec.to_json(), code, device, processor, threads)

    def to_manifest(self) -> dict[str, Any]:
        """For the checkpoint's manifest."""
        return asdict(self)


def choose_checkpoint(
    record: RunRecord, now: Circumstances, allow_code_change: bool = False
) -> tuple[Checkpoint | None, list[str]]:
    """The newest intact checkpoint, and warnings for the record; ``None`` if the run has none at all.

    Raises:
        CheckpointDamaged: there are checkpoints, but none is intact.
        CheckpointRefused: the newest intact one is of another run or version, or of other code without
            ``allow_code_change``.
    """
    warnings: list[str] = []
    directories = checkpoint_directories(record.checkpoints_directory)
    for directory in directories:
        try:
            checkpoint = open_checkpoint(directory)
            checkpoint.episodes.check(record.episodes_file)
        except (CheckpointDamaged, RecordError, OSError) as error:
            warnings.append(f"checkpoint damaged: {error}")
            continue
        if len(warnings) > 0:
            warnings.append(f"continued from the checkpoint before, at timestep {checkpoint.timesteps}")
        return checkpoint, warnings + _compare(directory, checkpoint.manifest, now, allow_code_change)
    if directories:
        reasons = "; ".join(warnings)
        raise CheckpointDamaged(
            f"{record.checkpoints_directory}: no checkpoint is intact ({reasons}); "
            "--fresh starts the run again from zero"
        )
    return None, []


def _compare(
    directory: Path, then: Mapping[str, Any], now: Circumstances, allow_code_change: bool
) -> list[str]:
    """Warnings about what differs and may; the rest raises CheckpointRefused."""
    if then["spec"] != now.spec:
        keys = sorted(key for key in {*then["spec"], *now.spec} if then["spec"].get(key) != now.spec.get(key))
        raise CheckpointRefused(f"{directory}: is of another run; {', '.join(keys)} differ from run.json")
    warnings = []
    difference = code_difference(then["provenance"], now.provenance, str(now.spec["algo"]))
    if difference and not allow_code_change:
        raise CheckpointRefused(
            f"{directory}: was made by {difference}; --allow-code-change continues it with the code of now, "
            "--fresh starts the run again from zero"
        )
    if difference:
        warnings.append(f"the code changed at timestep {then['timesteps']}: before it, {difference}")
    for key in ("device", "processor", "num_threads"):
        before, value = then.get(key), getattr(now, key)
        if before not in (None, value):  # older checkpoints do not name the processor
            warnings.append(
                f"{key} changed from {before} to {value} at timestep {then['timesteps']}: "
                "the continuation need not equal an uninterrupted run"
            )
    return warnings
