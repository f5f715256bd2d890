"""``harness algos``: the agents and their presets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands.output import Json, print_json, print_table

if TYPE_CHECKING:
    from algos.presets import Quirk
    from algos.registry import Agent


def algos(
    name: Annotated[str | None, typer.Argument(help="Show this agent's hyper-parameters.")] = None,
    preset: Annotated[str | None, typer.Option(help="Preset to show; default: the agent's.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show where the agent's presets differ, and why.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the agents, or show one agent's hyper-parameters and where each value comes from."""
    from algos.registry import agent_names, get_agent
    from harness.spec import SpecError

    if name is None:
        for option in [option for option, given in (("--preset", preset), ("--explain", explain)) if given]:
            raise SpecError(f"{option}: expected an agent's name with it, as in harness algos acktr {option}")
        _list(agent_names(), as_json)
    elif explain and preset is not None:
        raise SpecError("--explain: shows all presets side by side; expected no --preset with it")
    elif explain:
        _explain(get_agent(name), as_json)
    else:
        _show(get_agent(name), preset, as_json)


def _list(names: list[str], as_json: bool) -> None:
    """The agents that can be used; those of other packages that cannot are named on stderr."""
    from algos.registry import UnusableAgent, get_agent

    agents = []
    for name in names:
        try:
            agents.append(get_agent(name))
        except UnusableAgent as error:
            typer.echo(f"harness: {error}", err=True)
    if as_json:
        print_json(
            [{"name": agent.name, "class": agent.target, "presets": agent.preset_names()} for agent in agents]
        )
        return
    rows = [[agent.name, agent.target, ", ".join(agent.preset_names())] for agent in agents]
    print_table(["name", "class", "presets (default first)"], rows)


def _show(agent: Agent, preset: str | None, as_json: bool) -> None:
    from algos.presets import DOMAINS, UnknownPreset

    chosen = preset or agent.default_preset
    known = [domain for domain in DOMAINS if chosen in agent.presets.names_for(domain)]
    if not known:
        raise UnknownPreset(f"unknown preset {chosen!r}; expected one of: {', '.join(agent.preset_names())}")
    domains = {domain: agent.explain(domain, chosen) for domain in known}
    quirks = agent.presets.quirks.get(chosen, [])
    if as_json:
        content: dict[str, Any] = {"name": agent.name, "class": agent.target, "preset": chosen}
        content["domains"] = {
            domain: [{"name": key, "value": value, "source": source} for key, value, source in rows]
            for domain, rows in domains.items()
        }
        content["quirks"] = [vars(quirk) for quirk in quirks]
        print_json(content)
        return
    for domain, rows in domains.items():
        typer.echo(f"{agent.name}, preset {chosen}, {domain}")
        print_table(
            ["name", "value", "source"], [[key, json.dumps(value), source] for key, value, source in rows]
        )
    _print_quirks(agent.name, chosen, quirks)


def _explain(agent: Agent, as_json: bool) -> None:
    """The hyper-parameters that differ between an agent's presets, per domain, with their sources."""
    from algos.presets import DOMAINS

    domains = {domain: agent.differences(domain) for domain in DOMAINS}
    if as_json:
        print_json(
            {
                "name": agent.name,
                "class": agent.target,
                "presets": agent.preset_names(),
                "domains": domains,
                "quirks": {
                    preset: [vars(quirk) for quirk in quirks]
                    for preset, quirks in agent.presets.quirks.items()
                },
            }
        )
        return
    for domain, settings in domains.items():
        presets = agent.presets.names_for(domain)
        if not settings:
            typer.echo(f"{agent.name}, {domain}: no differences; presets: {', '.join(presets)}")
            continue
        earlier = next(known for known in domains if domains[known] == settings)
        if earlier != domain:
            typer.echo(f"{agent.name}, {domain}: as {earlier}")
            continue
        typer.echo(f"{agent.name}, {domain}: where the presets differ")
        rows = [[key, *_cells(settings[key], presets)] for key in settings]
        print_table(["setting", *presets, "sources"], rows)
    for preset, quirks in agent.presets.quirks.items():
        _print_quirks(agent.name, preset, quirks)


def _cells(by_preset: dict[str, dict[str, Any]], presets: list[str]) -> list[str]:
    """The values of one setting by preset, then the sources in one cell, a line each."""
    values = [json.dumps(by_preset[preset]["value"]) for preset in presets]
    return [*values, "\n".join(f"{preset}: {by_preset[preset]['source']}" for preset in presets)]


def _print_quirks(agent: str, preset: str, quirks: list[Quirk]) -> None:
    if not quirks:
        return
    typer.echo(f"{agent}, preset {preset}: quirks of what it stands for")
    print_table(
        ["domains", "quirk", "reproduced", "here"],
        [
            [", ".join(quirk.domains), quirk.quirk, "yes" if quirk.reproduced else "no", quirk.here]
            for quirk in quirks
        ],
    )
