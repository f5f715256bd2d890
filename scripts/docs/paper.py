"""The tables of docs/paper.md that stand in ACKTR's presets: settings, and what they cannot say.

In the page a table stands between ``<!-- presets: atari -->`` (or ``<!-- quirks -->``) and ``<!-- end -->``;
:func:`fill` replaces what lies between.
"""

from __future__ import annotations

import json
import re
from typing import Any

from algos.registry import Agent, get_agent
from scripts.docs.markdown import code, table

_BLOCK = re.compile(
    r"(?P<open><!-- (?P<what>presets|quirks)(?:: (?P<domain>[\w-]+))? -->\n).*?(?=<!-- end -->)", re.S
)
_HEADS = {
    "paper": "the paper (`paper`)",
    "released": "the released code (`released`)",
    "tuned": "recommended here (`tuned`)",
}
_UNSAID = ("default", "not among this preset's settings")


def fill(page: str) -> str:
    """``page`` with every marked table as the presets have it now.

    Raises:
        ValueError: a table that the page is to have is missing.
    """
    agent = get_agent("acktr")

    def made(block: re.Match[str]) -> str:
        text = _quirks(agent) if block["what"] == "quirks" else _settings(agent, block["domain"])
        return f"{block['open']}\n{text}\n\n"

    wanted = {"presets: atari", "presets: mujoco", "presets: mujoco-pixels", "quirks"}
    found = {" ".join(block["open"].strip("<!-> \n").split()) for block in _BLOCK.finditer(page)}
    if found != wanted:
        raise ValueError(f"docs/paper.md: expected the tables {sorted(wanted)}, found {sorted(found)}")
    return _BLOCK.sub(made, page)


def _settings(agent: Agent, domain: str) -> str:
    """One row per hyper-parameter whose value differs between the presets of a domain."""
    presets = [name for name in _HEADS if name in agent.presets.names_for(domain)]
    rows = []
    for name, cells in agent.differences(domain).items():
        if name == "policy_kwargs":  # its entries have rows of their own
            continue
        rows.append([code(name), *(_cell(cells[preset]) for preset in presets)])
    return table(["setting", *(_HEADS[preset] for preset in presets)], rows)


def _cell(cell: dict[str, Any]) -> str:
    value, source = cell["value"], cell["source"]
    shown = "none" if value is None else code(json.dumps(value).replace('"', ""))
    return shown if source in _UNSAID else f"{shown}<br>{source}"


def _quirks(agent: Agent) -> str:
    """What the released code does beside its settings."""
    rows = [
        [", ".join(quirk.domains), quirk.quirk, "yes" if quirk.reproduced else "no", quirk.here]
        for quirk in agent.presets.quirks["released"]
    ]
    return table(["where", "the released code", "`released` does it too", "here"], rows)
