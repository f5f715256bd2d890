"""The looks of sequential sweeps: what was seen after how many seeds, and what it took to decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.formats import EMPTY, p_text, returns_text, short_env_id
from analysis.load import Setting
from analysis.looks import STATISTICS
from analysis.tables import Column, Entry, Table
from harness.looks import Comparison, Decision, Look, Looks, Rule, read_looks
from harness.records import RecordError

COLUMNS = (
    Column("Environment", "left"),
    Column("X - Y", "left"),
    Column("Look"),
    Column("Seeds each"),
    Column("Difference"),
    Column("Decides from"),
    Column("p"),
    Column("Spent"),
    Column("Level"),
    Column("Decision", "left"),
)
_WORDS: dict[Decision, str] = {
    "open": "open",
    "higher": "X is better",
    "lower": "Y is better",
    "undecided": "undecided",
}


def find_looks(settings: Sequence[Setting]) -> tuple[dict[str, Looks], list[str]]:
    """The records of the sweeps that ``settings`` come from, by sweep, and a warning per damaged one."""
    directories = {setting.sweep: _sweep_directory(setting) for setting in settings if setting.runs}
    found, warnings = {}, []
    for sweep, directory in directories.items():
        try:
            record = read_looks(directory)
        except RecordError as error:
            warnings.append(str(error))
        else:
            if record is not None:
                found[sweep] = record
    return found, warnings


def _sweep_directory(setting: Setting) -> Path:
    return setting.runs[0].directory.parents[3]


def sequential_table(records: Mapping[str, Looks], settings: Sequence[Setting]) -> Table | None:
    """A row per look, those of a comparison one below the other; None where none was taken.

    Args:
        records: by sweep, from :func:`find_looks`.
        settings: give the names of those that differ in hyper-parameters alone.
    """
    names = {(s.sweep, s.agent, s.env_id, s.identity): s.name for s in settings}
    rows = [
        _row(
            one, number, look, names.get((sweep, one.agent, one.env_id, one.identity), one.agent), record.rule
        )
        for sweep, record in records.items()
        for one in sorted(record.comparisons, key=lambda one: (one.env_id, one.agent))
        for number, look in enumerate(one.looks, start=1)
    ]
    if not rows:
        return None
    return Table("Sequential comparisons", COLUMNS, tuple(rows), tuple(_notes(records)))


def _row(one: Comparison, number: int, look: Look, name: str, rule: Rule) -> tuple[Entry, ...]:
    planned = len(one.planned)
    return (
        Entry(short_env_id(one.env_id), {"env_id": one.env_id}),
        Entry(f"{name} - {rule.baseline}", {"x": name, "y": rule.baseline}),
        Entry(f"{number}/{planned}", {"look": number, "looks_planned": planned}),
        Entry(str(look.seeds), {"seeds": look.seeds}),
        Entry(returns_text(look.difference), {"difference": look.difference}),
        Entry(EMPTY if look.boundary is None else returns_text(look.boundary), {"boundary": look.boundary}),
        Entry(p_text(look.p), {"p": look.p}),
        Entry(p_text(look.spent), {"spent": look.spent}),
        Entry(p_text(look.level), {"level": look.level}),
        Entry(_WORDS[look.decision], {"decision": look.decision}),
    )


def _notes(records: Mapping[str, Looks]) -> list[str]:
    notes = []
    for sweep, record in records.items():
        rule = record.rule
        over = (
            "for each comparison" if rule.correction == "none" else "for all comparisons of an agent (Holm)"
        )
        notes.append(
            f"{sweep}: seeds from {rule.start} on, {rule.min} to {rule.max} per agent, until decided; "
            f"registered: {STATISTICS[rule.statistic][0]}, against {rule.baseline}, two-sided error rate "
            f"{rule.alpha:g} over all looks, {over}, spent as {rule.spending.replace('_', '-')}."
        )
    return [
        *notes,
        "Decides from: the difference of means, either way, with which chance alone decides, now or before, "
        "no more often than may be spent by now (permutations within the blocks of seeds between looks); p: "
        "how often chance would have decided before or shown this difference now; Spent: how often it would "
        "have decided by now; Level: the part of the error rate that this comparison had.",
        "A difference at which seeds were stopped is on average larger than the true one.",
    ]
