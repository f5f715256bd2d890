"""A plan onto a cluster: what would be submitted, and the submission."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.sweep.plan import PlannedRun
from harness.sweep.price import Kind, Measured, train_seconds
from harness.sweep.slurm.commands import SlurmError, check_profile, max_array_size
from harness.sweep.slurm.packing import Packing, pack
from harness.sweep.slurm.profile import Profile
from harness.sweep.slurm.scheduler import read_queue
from harness.sweep.slurm.submissions import Submission, current_user
from harness.sweep.slurm.submit import submit_runs
from harness.sweep.worker import runner_options
from harness.tracking.settings import TrackingBlock

DEFAULT_MAX_ARRAY_SIZE = 1001
"""Slurm's own, where the cluster's configuration does not say otherwise."""


@dataclass(frozen=True)
class Target:
    """Where a sweep is submitted to.

    Attributes:
        profile: of the cluster.
        sweep: the sweep's name.
        directory: ``runs/<sweep>``.
        backend: what ``harness retry`` is to take as ``--backend``; default: the profile's name.
    """

    profile: Profile
    sweep: str
    directory: Path
    backend: str | None = None

    def check(self) -> None:
        """Raise :class:`SlurmError` where there is no Slurm, or not the profile's partition."""
        check_profile(self.profile)

    def pack(
        self,
        runs: Sequence[PlannedRun],
        measured: Mapping[Kind, Measured],
        *,
        fresh: bool = False,
        dry: bool = False,
    ) -> Packing[PlannedRun]:
        """``runs`` as jobs and arrays within this cluster's and the profile's limits, and its walltime.

        Args:
            runs: what is to be submitted.
            measured: how fast they are, as far as it is known; see :func:`harness.sweep.price.measure`.
            fresh: they begin anew.
            dry: without a Slurm here, take its default limit.

        Raises:
            SlurmError: Slurm does not answer.
        """
        n_queued = 0
        if self.profile.max_jobs is not None:
            queue = read_queue([current_user()])
            if not (queue.answered or dry):
                raise SlurmError("squeue does not answer; expected it to, to stay below max_jobs")
            n_queued = len(queue.states)
        try:
            limit = max_array_size()
        except SlurmError:
            if not dry:
                raise
            limit = DEFAULT_MAX_ARRAY_SIZE
        return pack(
            runs, self.profile, limit, n_queued, seconds=lambda run: train_seconds(run, measured, fresh)
        )

    def submit(
        self,
        packing: Packing[PlannedRun],
        device: str,
        *,
        checkpoint_seconds: float | None = None,
        fresh: bool = False,
        allow_code_change: bool = False,
        tracking: TrackingBlock | None = None,
    ) -> Iterator[tuple[Submission, str]]:
        """Submit array after array; see :func:`harness.sweep.slurm.submit.submit_runs`.

        What ``fresh`` drops is dropped now: a job that is put back goes on from its own checkpoints.
        """
        tracking = tracking or TrackingBlock()
        options = runner_options(
            device,
            checkpoint_seconds=checkpoint_seconds,
            allow_code_change=allow_code_change,
            tensorboard=tracking.tensorboard,
        )
        return submit_runs(
            packing.arrays,
            self.directory,
            self.sweep,
            self.profile,
            options,
            fresh=fresh,
            wandb=tracking.wandb,
            backend=self.backend,
        )
