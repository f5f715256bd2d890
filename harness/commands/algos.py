"""``harness algos``: the agents and their presets."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from harness.commands.output import Json, print_json, print_table


def algos(
    name: Annotated[str | None, typer.Argument(help="Show this agent's hyper-parameters.")] = None,
    preset: Annotated[str | None, typer.Option(help="Preset to show; default: the agent's.")] = None,
    as_json: Json = False,
) -> None:
    """List the agents, or show one agent's hyper-parameters and where each value comes from."""
    from algos.registry import agent_names, get_agent
    from harness.spec import SpecError

    if name is not None:
        _show(name, preset, as_json)
        return
    if preset is not None:
        raise SpecError(
            "--preset: expected an agent's name before it, as in harness algos acktr --preset paper"
        )
    agents = [get_agent(known) for known in agent_names()]
    if as_json:
        print_json(
            [{"name": agent.name, "class": agent.target, "presets": agent.preset_names()} for agent in agents]
        )
        return
    rows = [[agent.name, agent.target, ", ".join(agent.preset_names())] for agent in agents]
    print_table(["name", "class", "presets (default first)"], rows)


def _show(name: str, preset: str | None, as_json: bool) -> None:
    from algos.presets import DOMAINS
    from algos.registry import get_agent

    agent = get_agent(name)
    chosen = preset or agent.default_preset
    domains = {domain: agent.explain(domain, chosen) for domain in DOMAINS}
    if as_json:
        content: dict[str, Any] = {"name": name, "class": agent.target, "preset": chosen}
        content["domains"] = {
            domain: [{"name": key, "value": value, "source": source} for key, value, source in rows]
            for domain, rows in domains.items()
        }
        print_json(content)
        return
    for domain, rows in domains.items():
        typer.echo(f"{name}, preset {chosen}, {domain}")
        print_table(
            ["name", "value", "source"], [[key, json.dumps(value), source] for key, value, source in rows]
        )
