"""Verdicts as tables: claims with what was measured, and the paper's tables beside measured numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.formats import EMPTY, short_env_id, timesteps_text
from analysis.paper.cells import NAMES
from analysis.paper.claims import artefacts
from analysis.paper.schema import Claim
from analysis.paper.statistics import STATISTICS
from analysis.paper.verdicts import OUTCOMES, Verdict
from analysis.paper.wording import interval_in, number_in, region_text
from analysis.statistics.intervals import Interval
from analysis.tables import Column, Entry, Scalar, Table

RULES = (
    "[low, high]: 95 % interval. Verdicts need the budget that the claim speaks of, all runs finished and at "
    "least 5 seeds of an agent (3 for an N/A); a value is reproduced within 25 % of the paper's, a "
    "direction where its interval lies where it is claimed. Measured with: acktr has the settings "
    "recommended here (preset tuned), acktr-paper those of the text."
)


@dataclass(frozen=True)
class _Row:
    verdict: Verdict

    @property
    def claim(self) -> Claim:
        return self.verdict.claim

    @property
    def unit(self) -> str:
        return STATISTICS[self.claim.statistic].unit

    def by(self) -> Entry:
        labels = dict.fromkeys(label for one in self.verdict.found for label in one.labels)
        return Entry(", ".join(labels), {"agents": " ".join(labels)})

    def paper(self) -> Entry:
        values: dict[str, Scalar] = {"paper": self.claim.paper, "claimed_low": None, "claimed_high": None}
        if self.claim.region is not None:
            region = self.claim.region
            values |= {"claimed_low": _finite(region.low), "claimed_high": _finite(region.high)}
            return Entry(region_text(self.unit, region), values)
        return Entry("N/A" if self.claim.paper is None else number_in(self.unit, self.claim.paper), values)

    def measured(self) -> Entry:
        found = self.verdict.measured
        text = EMPTY if found is None else interval_in(self.unit, found)
        if found is None and self.verdict.standings and self.verdict.seeds is not None:
            holding = self.verdict.standings.count("holds")
            text = f"{holding} of {len(self.verdict.standings)} hold"
        return Entry(text, _values(found))

    def runs(self) -> tuple[Entry, Entry]:
        seeds, timesteps = self.verdict.seeds, self.verdict.timesteps
        return (
            Entry(EMPTY if seeds is None else str(seeds), {"seeds": seeds}),
            Entry(EMPTY if timesteps is None else timesteps_text(timesteps), {"timesteps": timesteps}),
        )

    def verdict_and_why(self) -> tuple[Entry, Entry]:
        values: dict[str, Scalar] = {"why": self.verdict.why, "more_seeds": self.verdict.more_seeds}
        return Entry(self.verdict.outcome, {"verdict": self.verdict.outcome}), Entry(self.verdict.why, values)


def claims_table(verdicts: Sequence[Verdict]) -> Table:
    """One row per claim: what the paper says, what was measured, the verdict and why."""
    rows = []
    for verdict in verdicts:
        row, claim = _Row(verdict), verdict.claim
        outcome, why = row.verdict_and_why()
        rows.append(
            (
                Entry(claim.id, {"claim": claim.id, "kind": claim.kind, "place": claim.place}),
                Entry(claim.says, {"says": claim.says, "statistic": STATISTICS[claim.statistic].about}),
                outcome,
                row.paper(),
                row.measured(),
                *row.runs(),
                row.by(),
                why,
            )
        )
    return Table(
        title="Claims of the paper",
        columns=(
            Column("Claim", "left", wrap=True),
            Column("Says", "left", wrap=True),
            Column("Verdict", "left"),
            Column("Paper"),
            Column("Measured"),
            Column("Seeds"),
            Column("Timesteps"),
            Column("Measured with", "left", wrap=True),
            Column("Why", "left", wrap=True),
        ),
        rows=tuple(rows),
        notes=(counts_text(verdicts), RULES, *_doubts([verdict.claim for verdict in verdicts])),
    )


def counts_text(verdicts: Sequence[Verdict]) -> str:
    """How many claims have which verdict: ``3 reproduced, 0 contradicted, 2 inconclusive, 217 not run``."""
    outcomes = [verdict.outcome for verdict in verdicts]
    return ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in OUTCOMES)


def paper_table_beside(artefact: str, verdicts: Sequence[Verdict]) -> Table | None:
    """A table of the paper, cell by cell, with what was measured; one row per form that was run.

    Args:
        artefact: ``table1`` to ``table4``.
        verdicts: of any claims; the cells of this table are taken, each with the agents who play it once.

    Returns:
        None without a verdict on a cell of it.
    """
    rows = []
    seen = set()
    for verdict in verdicts:
        claim, row = verdict.claim, _Row(verdict)
        key = (claim.id, row.by().text)
        if not is_cell(claim) or artefact not in claim.artefacts or key in seen:
            continue
        seen.add(key)
        env = short_env_id(claim.envs[0]).removesuffix("-v5")
        where = env if claim.batch is None else f"{env}, batch {claim.batch:,}"
        rows.append(
            (
                Entry(where, {"env_id": claim.envs[0], "batch": claim.batch}),
                Entry(", ".join(NAMES[agent] for agent in claim.agents), {"claim": claim.id}),
                Entry(STATISTICS[claim.statistic].about, {"statistic": claim.statistic}),
                row.by(),
                row.paper(),
                row.measured(),
                *row.runs(),
                row.verdict_and_why()[0],
            )
        )
    if not rows:
        return None
    return Table(
        title=f"{artefact.replace('table', 'Table ')}: {artefacts().artefacts[artefact].shows}",
        columns=(
            Column("Environment", "left"),
            Column("Agent", "left"),
            Column("Statistic", "left", wrap=True),
            Column("Measured with", "left"),
            Column("Paper"),
            Column("Measured"),
            Column("Seeds"),
            Column("Timesteps"),
            Column("Verdict", "left"),
        ),
        rows=tuple(sorted(rows, key=lambda row: (row[0].text, str(row[1].values["claim"])))),
        notes=(RULES,),
    )


def is_cell(claim: Claim) -> bool:
    """Whether the claim is a cell of a table (or a ratio of two), and not a sentence."""
    return claim.kind == "value" and claim.place.startswith("Table ")


def _doubts(claims: Sequence[Claim]) -> list[str]:
    by_text: dict[str, list[str]] = {}
    for claim in claims:
        if claim.doubt:
            by_text.setdefault(claim.doubt, []).append(claim.id)
    return [f"{', '.join(ids[:4])}{', ...' if ids[4:] else ''}: {text}." for text, ids in by_text.items()]


def _values(interval: Interval | None) -> dict[str, Scalar]:
    if interval is None:
        return {"measured": None, "measured_low": None, "measured_high": None}
    low, high = _finite(interval.low), _finite(interval.high)
    return {"measured": _finite(interval.estimate), "measured_low": low, "measured_high": high}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
