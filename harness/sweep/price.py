"""What a plan will cost, from the speed of earlier runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness.provenance import cpu_model
from harness.records import RecordError, RunRecord
from harness.spec import RunSpec
from harness.sweep.plan import PlannedRun
from harness.sweep.slurm.packing import START_SECONDS, Packing, makespan
from harness.sweep.slurm.profile import Profile
from harness.sweep.slurm.submissions import FOLDER, read_submissions

SAMPLES = 5
Kind = tuple[str, str, str]
"""Agent, environment and protocol's name: runs of one kind are taken to be equally fast."""


@dataclass(frozen=True)
class Measured:
    """Medians over earlier finished runs of one kind.

    Attributes:
        steps_per_second: timesteps per second of one run, beside whatever else ran there.
        size: bytes of a run directory.
    """

    steps_per_second: float
    size: float


@dataclass(frozen=True)
class Price:
    """What is to be started and what it costs; ``None`` is unknown.

    Attributes:
        n_runs: runs to start.
        n_jobs: jobs that hold them; 0 on this machine.
        arrays: jobs per submission.
        n_left: runs that ``max_jobs`` leaves for later; not in the costs.
        cpu_hours: hours of CPU cores, idle ones of a job included.
        gpu_hours: the same of GPUs.
        wall_seconds: until the last run ends, if every job starts at once that ``array_parallelism`` lets;
            the wait in the queue is not in it.
        disk_bytes: of the run directories.
        unmeasured: kinds of runs without an earlier finished run on this CPU, or under this profile.
        n_cut: jobs that the walltime keeps from having more runs.
        n_put_back: jobs whose runs do not fit the walltime even alone; they go on in another start.
    """

    n_runs: int
    n_jobs: int
    arrays: tuple[int, ...]
    n_left: int
    cpu_hours: float | None
    gpu_hours: float | None
    wall_seconds: float | None
    disk_bytes: float | None
    unmeasured: tuple[str, ...]
    n_cut: int = 0
    n_put_back: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def kind_of(spec: RunSpec) -> Kind:
    """See :data:`Kind`."""
    return spec.algo, spec.env_id, str(spec.protocol.name)


def price_local(
    runs: Sequence[PlannedRun], at_once: int, measured: Mapping[Kind, Measured], fresh: bool = False
) -> Price:
    """The price of ``runs`` on this machine, ``at_once`` at the same time, one core each."""
    seconds = [train_seconds(run, measured, fresh) for run in runs]
    known = [START_SECONDS + one for one in seconds if one is not None]
    complete = len(known) == len(seconds)
    return Price(
        n_runs=len(runs),
        n_jobs=0,
        arrays=(),
        n_left=0,
        cpu_hours=sum(known) / 3600 if complete else None,
        gpu_hours=0.0,
        wall_seconds=makespan(known, at_once) if complete else None,
        disk_bytes=_disk(runs, measured),
        unmeasured=_unmeasured(runs, measured),
    )


def price_slurm(packing: Packing[PlannedRun], profile: Profile, measured: Mapping[Kind, Measured]) -> Price:
    """The price of what is to be submitted."""
    runs = [run for job in packing.jobs for run in job.runs]
    unmeasured = _unmeasured(runs, measured)
    hours = wall = None
    if not unmeasured:
        durations = [[job.seconds or 0.0 for job in array] for array in packing.arrays]
        hours = sum(map(sum, durations)) / 3600
        wall = max((makespan(array, profile.array_parallelism) for array in durations), default=0.0)
    return Price(
        n_runs=len(runs),
        n_jobs=len(packing.jobs),
        arrays=tuple(len(array) for array in packing.arrays),
        n_left=len(packing.left),
        cpu_hours=None if hours is None else hours * profile.cpus_per_job,
        gpu_hours=0.0
        if not profile.gpus_per_job
        else None
        if hours is None
        else hours * profile.gpus_per_job,
        wall_seconds=wall,
        disk_bytes=_disk(runs, measured),
        unmeasured=unmeasured,
        n_cut=packing.n_cut,
        n_put_back=packing.n_put_back,
    )


def measure(runs_dir: Path, kinds: Iterable[Kind], profile: Profile | None = None) -> dict[Kind, Measured]:
    """The speed of finished runs of any sweep, as far as there are any: under ``profile``, or on this CPU.

    A few runs per kind are looked at. Files that cannot be read are passed over: an estimate needs no more.
    """
    wanted = set(kinds)
    samples: dict[Kind, list[tuple[float, int]]] = {}
    for record in _candidates(runs_dir, {env_id for _, env_id, _ in wanted}, profile):
        try:
            content, status = record.content(), record.status()
            spec = content["spec"]
            kind = (spec["algo"], spec["env_id"], spec["protocol"]["name"])
            same_cpu = content["attempts"][-1]["provenance"].get("cpu") == cpu_model()
        except (ValueError, KeyError, IndexError, TypeError):
            continue
        speed = status.get("steps_per_second")
        if kind not in wanted or status["state"] != "done" or not speed or not (profile or same_cpu):
            continue
        found = samples.setdefault(kind, [])
        if len(found) < SAMPLES:
            found.append((float(speed), _size(record.directory)))
        if len(samples) == len(wanted) and all(len(some) >= SAMPLES for some in samples.values()):
            break
    return {
        kind: Measured(median(speed for speed, _ in some), median(size for _, size in some))
        for kind, some in samples.items()
    }


def train_seconds(run: PlannedRun, measured: Mapping[Kind, Measured], fresh: bool = False) -> float | None:
    """How long ``run`` will train from where it stands; ``None`` where its kind was not measured.

    Args:
        run: the run.
        measured: from :func:`measure`.
        fresh: it begins anew.
    """
    speed = measured.get(kind_of(run.spec))
    if speed is None:
        return None
    have = 0
    if not fresh and run.found != "missing":
        try:
            have = int(json.loads(run.record.status_file.read_text()).get("timesteps", 0))
        except (OSError, ValueError):
            have = 0
    elif not fresh and run.shorter and run.shorter.usable:
        have = run.shorter.n_timesteps
    return max(0, run.spec.n_timesteps - have) / speed.steps_per_second


def _candidates(runs_dir: Path, env_ids: set[str], profile: Profile | None) -> Iterator[RunRecord]:
    """Records in these environments, of every setting the first seeds."""
    directories = {env_id.replace("/", "-") for env_id in env_ids}
    for sweep in sorted(runs_dir.iterdir()) if runs_dir.is_dir() else []:
        submitted = None
        if profile is not None:
            if not (sweep / FOLDER).is_dir():
                continue
            try:
                submitted = {
                    run
                    for submission in read_submissions(sweep)
                    if submission.content["profile"] == profile.name
                    for share in submission.content["shares"]
                    for run in share["runs"]
                }
            except (RecordError, KeyError, TypeError):
                continue
        for name in sorted(directories):
            for setting in sorted(sweep.glob(f"*/{name}/*")):
                seeds = sorted(setting.glob("seed-*"))[:SAMPLES]
                for seed in seeds:
                    if submitted is None or seed.relative_to(sweep).as_posix() in submitted:
                        yield RunRecord(seed)


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _disk(runs: Sequence[PlannedRun], measured: Mapping[Kind, Measured]) -> float | None:
    sizes = [measured.get(kind_of(run.spec)) for run in runs]
    known = [size.size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _unmeasured(runs: Sequence[PlannedRun], measured: Mapping[Kind, Measured]) -> tuple[str, ...]:
    kinds = dict.fromkeys(kind_of(run.spec) for run in runs)
    return tuple(f"{algo} on {env_id}" for algo, env_id, _ in kinds if (algo, env_id, _) not in measured)
