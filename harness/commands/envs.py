"""``harness envs``: the environments known by name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from harness.commands.output import Json, print_json, print_table


def envs(
    pattern: Annotated[str, typer.Argument(help="Show names that contain this, in any case.")] = "",
    as_json: Json = False,
) -> None:
    """List the environments, with the level that each is held against; any gymnasium id works too."""
    from harness.envs.catalog import list_environments
    from harness.spec import SpecError

    entries = [entry for entry in list_environments() if pattern.lower() in entry.env_id.lower()]
    if not entries:
        raise SpecError(f"{pattern}: no environment's name contains this; `harness envs` lists all")
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    rows = [
        [
            entry.env_id,
            ", ".join(entry.protocols),
            "-" if entry.reference_level is None else f"{entry.reference_level:g}",
            entry.reference or "-",
        ]
        for entry in entries
    ]
    print_table(
        ["env", "protocols (default first)", "reference level", "from"], rows, right=["reference level"]
    )
