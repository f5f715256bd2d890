"""Which code, packages and machines the runs of a report come from, and how many each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from analysis.tables import Column, Entry, Table

UNKNOWN = "not recorded"


def provenance_table(provenances: Iterable[Mapping[str, Any]]) -> Table:
    """One row per fact and value, with the number of runs it holds for; no row where none recorded any.

    Args:
        provenances: what :func:`harness.provenance.provenance` noted, one per run.
    """
    found = [dict(_facts(provenance)) for provenance in provenances]
    names = list(dict.fromkeys(name for facts in found for name in facts))
    rows = []
    for name in names:
        counts = Counter(facts.get(name, UNKNOWN) for facts in found)
        for value, count in counts.most_common():
            rows.append(
                (
                    Entry(name, {"fact": name}),
                    Entry(value, {"value": value}),
                    Entry(str(count), {"runs": count}),
                )
            )
    return Table(
        title="Provenance",
        columns=(Column("Fact", "left"), Column("Value", "left"), Column("Runs")),
        rows=tuple(rows),
        notes=("Of each run's last attempt.",),
    )


def _facts(provenance: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    git = provenance.get("git")
    if isinstance(git, Mapping):
        dirty = git.get("dirty_digest")
        commit = git.get("commit") or UNKNOWN
        yield "Commit", f"{commit}{f', changed ({dirty})' if dirty else ''}"
    if provenance.get("python"):
        yield "Python", str(provenance["python"])
    packages = provenance.get("packages")
    if isinstance(packages, Mapping):
        yield from ((str(name), str(version)) for name, version in packages.items())
    for key, name in (("cpu", "Processor"), ("cpu_count", "Cores"), ("platform", "Platform")):
        if provenance.get(key) is not None:
            yield name, str(provenance[key])
