"""All claims of the paper, and which of them a name stands for."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import yaml

from analysis.paper.cells import cell_claims
from analysis.paper.schema import Artefacts, Claim, expanded

_DIRECTORY = Path(__file__).parent


class UnknownClaim(ValueError):
    """No claim, table or figure has this name; the message is one line and lists the nearest."""


@cache
def artefacts() -> Artefacts:
    """Tables, figures and searches, the sweeps that make them, and which labels play the paper's agents."""
    return Artefacts.model_validate(
        yaml.safe_load((_DIRECTORY / "artefacts.yaml").read_text(encoding="utf-8"))
    )


@cache
def all_claims() -> tuple[Claim, ...]:
    """Sentences first (``claims.yaml``), then the cells of Tables 1 to 4.

    Raises:
        ValueError: two claims have one id, or nobody plays the agents of one (pydantic's error for a claim
            that is none).
    """
    entries = yaml.safe_load((_DIRECTORY / "claims.yaml").read_text(encoding="utf-8"))
    sentences = [claim for entry in entries for claim in expanded(entry)]
    claims = tuple(Claim.model_validate(content) for content in [*sentences, *cell_claims()])
    ids = [claim.id for claim in claims]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise ValueError(f"claims: {', '.join(repeated)}: expected every id once")
    unknown = sorted({claim.sweep for claim in claims} - set(artefacts().forms))
    if unknown:
        raise ValueError(f"artefacts.yaml: forms: expected an entry for {', '.join(unknown)}")
    return claims


def select(names: Sequence[str]) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """Claims and artefacts that the names stand for; all of them without a name.

    A table, figure or search stands for itself and its claims, a claim for itself alone.

    Returns:
        Claims in the order of :func:`all_claims`, and ids of tables, figures and searches.

    Raises:
        UnknownClaim: a name is neither.
    """
    known, claims = artefacts().artefacts, all_claims()
    if not names:
        return claims, tuple(known)
    ids = {claim.id for claim in claims}
    for name in names:
        if name not in known and name not in ids:
            near = get_close_matches(name, [*known, *ids], n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}?" if near else f"expected one of {', '.join(known)}"
            raise UnknownClaim(f"no table, figure, search or claim {name!r}: {hint}")
    chosen = set(names)
    wanted = tuple(claim for claim in claims if claim.id in chosen or chosen & set(claim.artefacts))
    return wanted, tuple(name for name in known if name in chosen)
