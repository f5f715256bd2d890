"""What the page shows of a single run: its configuration, where it came from, its log's end."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from analysis.formats import EMPTY, count_text, returns_text, timesteps_text
from analysis.html.redaction import redact, redact_text
from analysis.load import Run
from harness.evaluation.record import read_evaluations
from harness.records import RecordError, RunRecord

LOG_LINES = 40
LINE_CHARACTERS = 400
TEXT_CHARACTERS = 8_000
_READ_BYTES = 1 << 16
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


@dataclass(frozen=True)
class RunDetails:
    """One run's files as text for people; nothing in it is escaped, and no secret is in it.

    Attributes:
        place: ``<sweep>/<algo>/<env>/<hash8>/seed-<k>``.
        facts: name and text, one line each.
        config: the resolved RunSpec as YAML, or the error that names the damaged file.
        attempts: per attempt, first to last: its heading and its facts as YAML.
        evaluations: header and rows of a table, by timesteps; the header alone without evaluations.
        log: the last lines of ``log.txt``, "" without one.
        error: what the run reported, or which file is damaged and how; "" without one.
        provenance: of the last attempt, as data.
        heartbeat: unix seconds, None where it is not known.
    """

    place: str
    facts: tuple[tuple[str, str], ...]
    config: str
    attempts: tuple[tuple[str, str], ...]
    evaluations: tuple[tuple[str, ...], ...]
    log: str
    error: str
    provenance: Mapping[str, Any]
    heartbeat: float | None


def read_details(run: Run) -> RunDetails:
    """Read what the page shows of a run; damaged files are named in it and never raise."""
    record = RunRecord(run.directory)
    problems = [run.left_out] if run.left_out else []
    problems += [run.error.strip()] if run.error and run.error.strip() else []
    content: dict[str, Any] = {}
    status: dict[str, Any] = {}
    try:
        content = record.content()
        status = record.status()
    except RecordError as error:
        problems.append(str(error))
    evaluations: Sequence[Mapping[str, Any]] = ()
    try:
        evaluations = read_evaluations(record)
        evaluations = sorted(evaluations, key=lambda content: content.get("timesteps", 0))
        rows = [_EVALUATION_HEAD, *map(_evaluation_row, evaluations)]
    except RecordError as error:
        problems.append(str(error))
        rows = [_EVALUATION_HEAD]
    except (KeyError, TypeError, ValueError) as error:
        problems.append(f"{run.directory}: an evaluation-*.json is not one of this version ({error!r})")
        rows = [_EVALUATION_HEAD]
    attempts = [attempt for attempt in content.get("attempts", []) if isinstance(attempt, dict)]
    found = attempts[-1].get("provenance") if attempts else None
    heartbeat = status.get("heartbeat")
    return RunDetails(
        place="/".join(run.directory.parts[-5:]),
        facts=tuple(_facts(run, status)),
        config=_yaml(content.get("spec", {})) if content else "",
        attempts=tuple(_attempt(number, attempt) for number, attempt in enumerate(attempts, start=1)),
        evaluations=tuple(rows),
        log=log_tail(record.log_file),
        error="\n".join(clean_text(problem) for problem in dict.fromkeys(problems)),
        provenance=redact(found) if isinstance(found, dict) else {},
        heartbeat=float(heartbeat) if isinstance(heartbeat, int | float) and heartbeat > 0 else None,
    )


def log_tail(path: Path, lines: int = LOG_LINES) -> str:
    """The last ``lines`` lines of a log, without colours and other control characters; "" without a log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _READ_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    # A progress bar writes over its line: what stood there last is what a terminal shows.
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    while shown and not shown[-1].strip():
        shown.pop()
    return clean_text("\n".join(line[:LINE_CHARACTERS] for line in shown[-lines:]))


def clean_text(text: str) -> str:
    """``text`` without control characters and secrets; of a long one the end."""
    text = redact_text(_CONTROL.sub("", text))
    return text if len(text) <= TEXT_CHARACTERS else f"…{text[-TEXT_CHARACTERS:]}"


def time_text(seconds: float) -> str:
    """A time in UTC, to the minute; of what is no time, the number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g}"


def _facts(run: Run, status: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("State", run.state),
        ("Timesteps", f"{run.timesteps:,} of {run.n_timesteps:,}"),
        ("Episodes", count_text(len(run.episodes))),
    ]
    if run.steps_per_second is not None:
        facts.append(("Timesteps/s", count_text(run.steps_per_second)))
    heartbeat = status.get("heartbeat")
    if isinstance(heartbeat, int | float) and heartbeat > 0:
        facts.append(("Last heartbeat", time_text(heartbeat)))
    return facts


_IN_THE_HEADING = ("attempt", "started", "resumed_at")


def _attempt(number: int, attempt: Mapping[str, Any]) -> tuple[str, str]:
    facts = {key: value for key, value in attempt.items() if key not in _IN_THE_HEADING}
    provenance = facts.pop("provenance", None)
    facts |= redact(provenance) if isinstance(provenance, dict) else {}
    command = facts.get("command")
    if isinstance(command, list):
        facts["command"] = shlex.join(map(str, command))
    head = f"Attempt {number}"
    started, resumed = attempt.get("started"), attempt.get("resumed_at")
    if isinstance(started, int | float) and started > 0:
        head += f", {time_text(started)}"
    if isinstance(resumed, int) and resumed > 0:
        head += f", resumed at {timesteps_text(resumed)} timesteps"
    return head, _yaml(facts)


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(redact(value), sort_keys=False, allow_unicode=True, width=100)
    return _CONTROL.sub("", text).rstrip("\n")


_EVALUATION_HEAD = ("Timesteps", "Actions", "Episodes", "Seed", "Return", "Lowest", "Highest", "File")


def _evaluation_row(content: Mapping[str, Any]) -> tuple[str, ...]:
    found, episodes = content["return"], int(content["n_episodes"])
    spread = f" ± {returns_text(found['std'])}" if episodes > 1 else ""
    name = f"evaluation-{content['timesteps']}-{content['actions']}-n{episodes}-seed{content['seed']}"
    return (
        timesteps_text(content["timesteps"]),
        str(content["actions"]),
        str(episodes) if episodes else EMPTY,
        str(content["seed"]),
        f"{returns_text(found['mean'])}{spread}",
        returns_text(found["min"]),
        returns_text(found["max"]),
        f"{name}.csv",
    )
