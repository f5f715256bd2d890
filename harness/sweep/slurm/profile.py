"""A cluster profile: what a user writes in ``slurm/<name>.yaml``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from harness.spec import SpecError, WholeNumber
from harness.sweep.problems import did_you_mean, first_problem, unknown_key
from harness.yaml_source import read_document

PROFILES = Path("slurm")
SLURM_CLOCK_SECONDS = 60
"""Slurm looks at time limits about once a minute, so its signal can come this much early."""

_WALLTIME = re.compile(r"^(?:(\d{1,4})-)?(\d{1,3}):(\d\d)(?::(\d\d))?\Z")
_SECRET = re.compile(
    r"""\b(\w*(?:API_?KEY|ACCESS_KEY|TOKEN|SECRET|PASSWORD|PASSWD))\s*=\s*["']?[^\s"'$`]""", re.IGNORECASE
)
"""A variable by whose name its value is secret, and a value that is not read from elsewhere."""

Count = Annotated[WholeNumber, Field(ge=1, le=100_000)]


def _word(value: str) -> str:
    if not re.match(r"^[^\s'\"\\`$;&|<>]+\Z", value):
        raise ValueError("expected a name without spaces, quotes and signs that a shell reads")
    return value


Word = Annotated[str, AfterValidator(_word)]
"""A name that Slurm knows; whatever a shell would read otherwise than as it stands is refused."""


def _minutes(value: Any) -> int:
    """``"4:00:00"`` (or ``"1-00:00:00"``) in minutes; YAML reads a bare ``4:00:00`` as a number."""
    expected = 'a time in quotes, "hours:minutes:seconds" or "days-hours:minutes:seconds"'
    match = _WALLTIME.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected {expected}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if minutes > 59 or seconds > 59:
        raise ValueError(f"expected {expected}")
    total = (days * 24 + hours) * 60 + minutes + (seconds + 59) // 60
    if total < 1:
        raise ValueError("expected a time above zero")
    return total


def _line(value: str) -> str:
    if "\n" in value or "\0" in value:
        raise ValueError("expected one line")
    secret = _SECRET.search(value)
    if secret:
        raise ValueError(
            f"expected no secrets, since this is written to files, got a value for {secret.group(1)}; "
            "export it before submitting, or have the job read it"
        )
    return value


Line = Annotated[str, AfterValidator(_line)]
_OWNED = (
    "array",
    "account",
    "constraint",
    "cpus-per-task",
    "error",
    "gres",
    "job-name",
    "mem",
    "no-requeue",
    "nodes",
    "ntasks",
    "ntasks-per-node",
    "open-mode",
    "output",
    "partition",
    "qos",
    "requeue",
    "signal",
    "time",
)
_APART = ("clusters", "parsable", "test-only", "wait")
"""With these sbatch does not give the id at once, or squeue does not know it: the job could not be seen."""


def _further(options: dict[str, Any]) -> dict[str, Any]:
    for name, value in options.items():
        if name in _OWNED:
            raise ValueError(f"expected sbatch options that have no key of their own, got {name!r}")
        if name in _APART:
            raise ValueError(f"expected none of {', '.join(_APART)}: the job could not be followed")
        if not re.match(r"^[a-z][a-z-]*\Z", name):
            raise ValueError(f"expected sbatch options without dashes in front, got {name!r}")
        if isinstance(value, str):
            _line(value)
    return options


class Profile(BaseModel):
    """Where and how a sweep's jobs run. None of it is part of a run's identity.

    A job is one node's allocation. It holds ``runs_per_job`` runs, as many of them at the same time as
    :attr:`at_once` says, each with ``cpus_per_run`` cores and threads; the others follow as places get free.

    Attributes:
        name: the file's stem.
        partition, account, qos, constraint: Slurm's; default: the cluster's.
        walltime: minutes of a job (written ``"hours:minutes:seconds"``).
        cpus_per_run: cores, and threads, of a run.
        mem_gb_per_run: memory of a run, GB; default: the cluster's.
        gpus_per_job: GPUs of a job; 0 asks for none.
        gpu_type: as in ``--gres=gpu:TYPE:N``.
        runs_per_gpu: runs that share a GPU at the same time.
        runs_per_job: runs of a job, fewer where they are known not to fit the walltime; default: those at the
            same time.
        array_parallelism: jobs of an array that run at the same time.
        max_array_size: fewer than the cluster's MaxArraySize.
        max_jobs: jobs in the queue at the same time; what is above is left for a later ``harness sweep``.
        requeue: whether the cluster may put a job back; if not, one that is out of time submits a follow-up.
        signal_seconds: before its end a job is told, so that its runs write checkpoints.
        setup: shell lines at the start of a job: modules, variables.
        srun_args: further arguments of srun, e.g. a container's.
        python: command of the interpreter inside the job; default: this one.
        options: further sbatch options, name to value; ``true`` for one without a value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    constraint: Annotated[str, AfterValidator(_line)] | None = None
    walltime: Annotated[int, BeforeValidator(_minutes)]
    cpus_per_run: Count = 1
    mem_gb_per_run: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    gpus_per_job: Annotated[WholeNumber, Field(ge=0, le=64)] = 0
    gpu_type: Word | None = None
    runs_per_gpu: Count = 1
    runs_per_job: Count | None = None
    array_parallelism: Count = 64
    max_array_size: Count | None = None
    max_jobs: Count | None = None
    requeue: bool = True
    signal_seconds: Annotated[WholeNumber, Field(ge=15, le=3600)] = 120
    setup: list[Line] = Field(default_factory=list)
    srun_args: list[Line] = Field(default_factory=list)
    python: Line | None = None
    options: Annotated[dict[str, str | bool | int], AfterValidator(_further)] = Field(default_factory=dict)

    @property
    def at_once(self) -> int:
        """Runs of a job at the same time."""
        if self.gpus_per_job:
            return self.gpus_per_job * self.runs_per_gpu
        return self.runs_per_job or 1

    @property
    def share(self) -> int:
        """Runs of a job."""
        return self.runs_per_job or self.at_once

    @property
    def cpus_per_job(self) -> int:
        """Cores of a job."""
        return min(self.at_once, self.share) * self.cpus_per_run

    @property
    def train_seconds(self) -> float:
        """Seconds of a job until its signal can come: Slurm's clock may be a minute early."""
        return max(0.0, self.walltime * 60.0 - self.signal_seconds - SLURM_CLOCK_SECONDS)

    @property
    def grace_seconds(self) -> float:
        """Seconds that runs have for their checkpoints; the rest is for the requeue."""
        return max(5.0, self.signal_seconds - 15.0)

    def to_json(self) -> dict[str, Any]:
        """Plain data that :func:`profile_from_json` reads back."""
        return self.model_dump(mode="json")


def profile_from_json(content: dict[str, Any]) -> Profile:
    """The profile that :meth:`Profile.to_json` wrote."""
    hours, minutes = divmod(int(content["walltime"]), 60)
    return Profile.model_validate({**content, "walltime": f"{hours // 24}-{hours % 24}:{minutes:02d}:00"})


def is_file_name(backend: str) -> bool:
    """Whether ``--backend`` gave a file and not the name of a profile in ``slurm/``."""
    return backend.endswith((".yaml", ".yml"))


def load_profile(name: str) -> Profile:
    """The profile ``slurm/<name>.yaml``, or the file itself where ``name`` ends with ``.yaml``.

    Raises:
        SpecError: no such profile, or the first mistake in it, in one line with file, line and key.
    """
    path = Path(name) if is_file_name(name) else PROFILES / f"{name}.yaml"
    if not path.is_file():
        known = ["local", *sorted(file.stem for file in PROFILES.glob("*.yaml"))]
        raise SpecError(
            f"--backend {name}: no such file {path}; "
            f"expected {', '.join(known)}, or a profile's YAML file" + did_you_mean(name, known)
        )
    document = read_document(path)
    if "name" in document.data:
        keys = [key for key in Profile.model_fields if key != "name"]
        raise document.error(("name",), unknown_key("name", keys))
    try:
        profile = Profile.model_validate({"name": path.stem, **document.data})
    except ValidationError as error:
        where, message = first_problem(error, Profile)
        raise document.error(where, message) from None
    seconds = profile.walltime * 60
    if seconds <= profile.signal_seconds + SLURM_CLOCK_SECONDS // 2:
        raise document.error(
            ("walltime",),
            f"expected more than signal_seconds ({profile.signal_seconds}) and half a minute, "
            f"got {seconds} s",
        )
    if profile.gpu_type and not profile.gpus_per_job:
        raise document.error(("gpu_type",), "expected gpus_per_job > 0 beside it")
    return profile
