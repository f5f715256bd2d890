"""A sweep's records in one file, to be shared: a ``.tar.xz`` without models, checkpoints and logs."""

from __future__ import annotations

import json
import lzma
import os
import shutil
import tarfile
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from analysis.files import replacing
from analysis.importing.model import ImportProblem
from harness import looks
from harness.records import find_runs, read_json

SUFFIX = ".tar.xz"
RECORDS = ("run.json", "status.json", "episodes.csv", "progress.csv")
OF_SWEEP = (looks.FILE,)
"""Beside the runs: without the looks a report would take seeds that were added until decided as fixed."""
PERSONAL = ("hostname", "command")
"""Keys of an attempt's provenance that tell whose machine it was; they stay at home."""


def write_archive(sweep: Path, target: Path) -> int:
    """Write a sweep's looks and the records of its runs, whatever their state; return the number of runs.

    The same records give the same bytes. ``target`` appears only when it is whole.

    Raises:
        RecordError: a ``run.json`` cannot be read.
        OSError: ``target`` cannot be written.
    """
    runs = find_runs(sweep)
    places = [sweep / name for name in OF_SWEEP]
    places += [record.directory / name for record in runs for name in RECORDS]
    with (
        replacing(target) as file,
        tarfile.open(fileobj=file, mode="w:xz", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in places:
            if path.exists():
                content = _run_json(path) if path.name == "run.json" else path.read_bytes()
                member = tarfile.TarInfo(path.relative_to(sweep).as_posix())
                member.size = len(content)
                archive.addfile(member, BytesIO(content))
    return len(runs)


def read_archive(source: Path, runs_dir: Path, sweep: str) -> int:
    """Write an archive's runs as the sweep ``sweep``; return their number.

    Raises:
        ImportProblem: no archive of records, or the sweep is there already; then nothing is written.
    """
    target = runs_dir / sweep
    if target.exists():
        raise ImportProblem(f"{target}: is there already; choose another --sweep")
    aside = runs_dir / f".{sweep}.{os.getpid()}.tmp"
    try:
        with tarfile.open(source, "r:xz") as archive:
            members = archive.getmembers()
            for member in members:
                _check(source, member)
            aside.mkdir(parents=True)
            archive.extractall(aside, members, filter="data")
        runs = find_runs(aside)
        if not runs:
            raise ImportProblem(f"{source}: an archive without runs")
        aside.replace(target)
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise ImportProblem(f"{source}: not readable as a {SUFFIX} of records ({error})") from None
    except OSError as error:
        if error.filename == str(source):
            raise ImportProblem(f"{source}: {error.strerror}") from None
        raise ImportProblem(f"{target}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return len(runs)


def _check(source: Path, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    inside = not path.is_absolute() and ".." not in path.parts
    known = path.name in RECORDS or member.name in OF_SWEEP
    if not (member.isreg() and inside and known):
        raise ImportProblem(f"{source}: {member.name!r} is no record of a run")


def _run_json(path: Path) -> bytes:
    content: dict[str, Any] = read_json(path)
    for attempt in content.get("attempts", []):
        provenance = attempt.get("provenance", {})
        for key in PERSONAL:
            provenance.pop(key, None)
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()
