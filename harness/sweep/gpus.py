"""Which GPU a run sees."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")


def visible_gpus(environment: Mapping[str, str] = os.environ, driver: Path = _DRIVER) -> list[str]:
    """The GPUs that this process may use: ``CUDA_VISIBLE_DEVICES``, or else all that the driver lists."""
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    return [str(index) for index, _ in enumerate(driver.iterdir())] if driver.is_dir() else []


def places(n_gpus: int, runs_per_gpu: int) -> list[dict[str, str]]:
    """Variables for each place of a job: ``runs_per_gpu`` places per GPU of the job, neighbours apart.

    Without GPUs there is nothing to set.

    Raises:
        RuntimeError: the job was given fewer GPUs than it asked for.
    """
    if n_gpus == 0:
        return []
    gpus = visible_gpus()
    if len(gpus) < n_gpus:
        raise RuntimeError(
            f"CUDA_VISIBLE_DEVICES names {len(gpus)} GPUs, expected {n_gpus}; is the nodes' gres.conf right?"
        )
    return [{"CUDA_VISIBLE_DEVICES": gpu} for _ in range(runs_per_gpu) for gpu in gpus[:n_gpus]]
