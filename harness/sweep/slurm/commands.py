"""Slurm's command-line programs. No shell is involved, and what they print is read with suspicion."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from harness.spec import SpecError
from harness.sweep.problems import did_you_mean
from harness.sweep.slurm.profile import Profile

SECONDS = 60.0
IDS_PER_CALL = 500


class SlurmError(SpecError):
    """Slurm is not there, does not answer, or refuses; one line."""


def slurm(*command: str) -> str:
    """What ``command`` prints.

    Raises:
        SlurmError: it is not installed, takes longer than a minute, or fails; with its own last line.
    """
    if shutil.which(command[0]) is None:
        raise SlurmError(f"{command[0]}: not found; expected Slurm's programs on this machine's PATH")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise SlurmError(f"{command[0]}: no answer within {SECONDS:.0f} s") from None
    except OSError as error:
        raise SlurmError(f"{command[0]}: could not be started ({error.strerror})") from None
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise SlurmError(f"{command[0]}: {said[-1].strip() if said else f'exit code {done.returncode}'}")
    return done.stdout


def max_array_size() -> int:
    """Jobs that one array may hold here: indices begin at 0 and must stay below MaxArraySize."""
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", slurm("scontrol", "show", "config"), re.MULTILINE)
    return max(1, int(match.group(1))) if match else 1


def check_profile(profile: Profile) -> None:
    """Refuse a profile whose partition this cluster does not have.

    Raises:
        SlurmError: naming the profile's key; or there is no Slurm here.
    """
    names = sorted({name.rstrip("*") for name in slurm("sinfo", "-h", "-o", "%P").split()})
    if profile.partition is None:
        return
    unknown = [name for name in profile.partition.split(",") if name not in names]
    if unknown:
        raise SlurmError(
            f"profile {profile.name}: partition: this cluster has no {unknown[0]!r}; "
            f"expected one of {', '.join(names)}{did_you_mean(unknown[0], names)}"
        )


def cancel_jobs(ids: Sequence[str]) -> None:
    """``scancel`` them; those that have ended are no mistake."""
    for some in batches(ids, IDS_PER_CALL):
        try:
            slurm("scancel", *some)
        except SlurmError as error:
            if "Invalid job id" not in str(error) and "already completing" not in str(error):
                raise


def requeue(job_id: str) -> None:
    """Put a job back into the queue; it is ended where it runs."""
    slurm("scontrol", "requeue", job_id)


def batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """``items`` in lists of at most ``size``."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
