"""The W&B client: one run opened, points logged, the run closed. Any call may block, fail or crash."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from harness.records import State
from harness.tracking.describe import Description
from harness.tracking.points import STEP, Point
from harness.tracking.settings import WandbBlock

os.environ.setdefault("WANDB_SILENT", "true")
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # the client's own telemetry
# Under `wandb agent` these win over a run's own id, project and config.
os.environ.pop("WANDB_SWEEP_ID", None)
os.environ.pop("WANDB_SWEEP_PARAM_PATH", None)

import wandb

PUSH_FINISH_SECONDS = 300.0


class WandbRun:
    """A W&B run that is open.

    W&B's step is the timestep, so a point is known by it: the server tells how far it has come, and of a
    step that it has, the client sends nothing more.

    Args:
        description: id, group, name and config.
        history: see :meth:`Description.id_of`.
        settings: where to.
        directory: the run directory; the client's files go to ``wandb/`` in it, or to ``WANDB_DIR``.

    Attributes:
        last_timestep: of the points that W&B has already, -1 where it has none.

    Raises:
        Exception: whatever the client raises where W&B cannot be reached or refuses.
    """

    def __init__(self, description: Description, history: int, settings: WandbBlock, directory: Path) -> None:
        self._online = settings.mode == "online"
        own = None if os.environ.get("WANDB_DIR") else directory
        run_id = description.id_of(history)
        if own is not None and not self._online:
            # Offline nothing can be resumed; the whole record is written again instead.
            for stale in (own / "wandb").glob(f"offline-run-*-{run_id}"):
                shutil.rmtree(stale)
        self._run = wandb.init(
            project=settings.project,
            entity=settings.entity,
            id=run_id,
            name=description.name,
            group=description.group,
            job_type="train",
            tags=settings.tags,
            config=description.config,
            mode="online" if self._online else "offline",
            resume="allow" if self._online else None,
            dir=None if own is None else str(own),
            save_code=False,
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                disable_job_creation=True,
                finish_timeout=PUSH_FINISH_SECONDS,
                finish_timeout_raises=True,
                x_disable_stats=True,
                x_disable_meta=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
            ),
        )
        self._files = None if own is None else (own / "wandb", f"run-*-{run_id}")
        self.last_timestep: int = self._run.starting_step - 1
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP)

    def log(self, point: Point) -> None:
        """Hand one point over."""
        values: dict[str, Any] = dict(point.values)
        self._run.log(values, step=point.timestep)

    def supersede(self) -> None:
        """Leave the run as it is, with a tag that says that another one has taken its place."""
        self._run.tags = (*(self._run.tags or ()), "superseded")
        self._run.finish(exit_code=1)

    def finish(self, state: State) -> None:
        """Wait until all is uploaded, and tell W&B how the run ended; its local files then go.

        Raises:
            TimeoutError: not everything was taken in time.
        """
        if state == "preempted":
            self._run.mark_preempting()
        self._run.finish(exit_code=0 if state == "done" else 1)
        if self._online and self._files is not None:
            directory, pattern = self._files
            for uploaded in directory.glob(pattern):  # those of killed trackers too
                shutil.rmtree(uploaded, ignore_errors=True)
