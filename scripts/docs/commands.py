"""Every command of ``harness`` with its arguments and options, as its parser has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from harness.cli import app
from scripts.docs.markdown import code, from_docstring, table
from scripts.docs.schema import phrase, yaml_text


def commands() -> str:
    """All commands as Markdown, in the order of ``harness --help``."""
    return "\n\n".join(_section(name, command) for name, command in walk(typer.main.get_command(app)))


def walk(command: Any, name: str = "harness") -> list[tuple[str, Any]]:
    """Full name and command of every command that does something itself."""
    children = getattr(command, "commands", None)
    if children is None:
        return [(name, command)]
    return [found for child, below in children.items() for found in walk(below, f"{name} {child}")]


def _section(name: str, command: Any) -> str:
    parameters = [one for one in command.params if not one.hidden and one.name != "help"]
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    usage = " ".join([name, *(_argument(one) for one in arguments), "[OPTIONS]"])
    parts = [f"### {name}", f"```\n{usage}\n```", from_docstring(command.help or "", {})]
    rows = [[_name(one), _default(one), _meaning(one)] for one in parameters]
    if rows:
        parts.append(table(["argument or option", "default", "meaning"], rows))
    return "\n\n".join(parts)


def _argument(one: Any) -> str:
    metavar = one.metavar or one.name.upper()
    return metavar if one.required or metavar.startswith("[") else f"[{metavar}]"


def _name(one: Any) -> str:
    if one.param_type_name == "argument":
        return code(one.metavar or one.name.upper())
    names = ", ".join(one.opts)
    return code(names if one.is_flag else f"{names} {_value(one)}")


def _value(one: Any) -> str:
    if one.metavar:
        return str(one.metavar)
    kind = one.type_descriptor.annotation
    choices = getattr(kind, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return "|".join(choices)
    return {int: "N", float: "NUMBER"}.get(kind, str(one.name).upper())


def _default(one: Any) -> str:
    if isinstance(one.show_default, str):
        return one.show_default
    if one.required:
        return "required"
    if one.default is None or one.default is False or one.default == "":
        return ""
    return code(one.default if isinstance(one.default, Path) else yaml_text(one.default))


def _meaning(one: Any) -> str:
    if not one.help:
        raise ValueError(f"{one.opts}: has no help")
    bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", one.min), ("≤", one.max)) if bound is not None]
    text = phrase(re.sub(r"\.? \[default: (.*)\]$", r"; default: \1", from_docstring(one.help, {})))
    return text + (f" ({' and '.join(bounds)})" if bounds else "")
