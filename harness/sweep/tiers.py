"""Tiers: a sweep's own smaller forms, chosen by ``harness sweep FILE --tier NAME``.

A file says under ``tiers`` what each changes (:class:`harness.sweep.document.TierBlock`)::

    n_timesteps: 10_000_000
    envs: [Breakout, Pong]
    algos:
      acktr-paper: {algo: acktr, preset: paper}
      trpo: {preset: paper}
    tiers:
      short:
        n_timesteps: 1_000_000            # a key replaces the file's; null takes it away
        envs: [Pong]                      # a list: these of the file's, with their blocks
        algos:                            # a mapping: these, with their blocks and what is merged over them
          acktr-paper:
          trpo: {hyperparameters: {n_envs: 8}}

As with ``--set``, an ``n_timesteps`` or ``protocol`` of a block still wins over the tier's.

A tier is a sweep of its own, called ``<name>-<tier>``, so that no result of one budget lies among those of
another. What the file says beside its tiers is the full budget, and has the name ``paper`` here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from algos.presets import deep_merge
from harness.envs.names import UnknownEnvironment, canonical_env_id
from harness.spec import SpecError
from harness.sweep.document import FULL, TierBlock
from harness.sweep.problems import did_you_mean
from harness.yaml_source import Document, KeyPath

SELECTED = ("envs", "algos")


def apply_tier(document: Document, tier: str, name: str) -> None:
    """Change ``document`` into what it is at ``tier``; the values themselves are not checked here.

    Args:
        document: a sweep's file, before anything is overridden.
        tier: one of the file's tiers, or ``paper``, which changes nothing.
        name: the sweep's, where the file gives none.

    Raises:
        SpecError: the file has no such tier, or a list in it names something that the file does not have.
    """
    if tier == FULL:
        return
    data = document.data
    content = _tier(document, tier)
    for key in sorted(content, key=lambda key: key != "envs"):
        value, origin = content[key], ("tiers", tier, key)
        if key in SELECTED and value and all(isinstance(x, (list, dict)) for x in (value, data.get(key))):
            _select(document, key, value, origin)
        elif key in TierBlock.model_fields:
            document.put((key,), value, origin)
    full_name = data.get("name", name)
    if isinstance(full_name, str):
        data["name"] = f"{full_name}-{tier}"


def refuse_tier_key(assignment: str) -> None:
    """Refuse a ``--set`` into ``tiers``, which would come after them and change nothing.

    Raises:
        SpecError: naming the key.
    """
    key = assignment.partition("=")[0].strip()
    if key.split(".")[0] == "tiers":
        raise SpecError(f"--set {key}: expected a key of the sweep, which is set after --tier has chosen one")


def _tier(document: Document, tier: str) -> dict[str, Any]:
    tiers = document.data.get("tiers")
    tiers = tiers if isinstance(tiers, dict) else {}
    if tier not in tiers:
        expected = f"one of {', '.join([FULL, *tiers])}" if tiers else f"{FULL}, since the file has no tiers"
        raise SpecError(f"{document.name}: --tier {tier}: expected {expected}{did_you_mean(tier, tiers)}")
    return tiers[tier] if isinstance(tiers[tier], dict) else {}


def _select(document: Document, section: str, chosen: list[Any] | dict[str, Any], origin: KeyPath) -> None:
    """Set ``envs`` or ``algos`` to those chosen, with their blocks and what is merged over them."""
    before = document.data[section]
    blocks = before if isinstance(before, dict) else {str(name): None for name in before}
    if isinstance(chosen, list):
        for index, name in enumerate(map(str, chosen)):
            if name not in blocks:
                known = f"expected some of {', '.join(blocks)}{did_you_mean(name, blocks)}"
                raise document.error((*origin, index), f"{name!r} is none of the file's {section}; {known}")
        chosen = dict.fromkeys(map(str, chosen))
    document.put((section,), {name: blocks.get(name) for name in chosen}, origin)
    for name, changes in chosen.items():
        path = (section, name)
        if blocks.get(name) is not None:
            document.put(path, blocks[name], path)
        if changes is not None:
            _merge(document, path, changes, (*origin, name))
    if section == "envs":
        _forget_envs(document, set(blocks) - set(chosen))


def _merge(document: Document, path: KeyPath, value: Any, origin: KeyPath) -> None:
    """Merge ``value`` over what is at ``path``, as hyper-parameters are merged over a preset's.

    Key by key as long as something of the old remains, so that every value keeps its place in the file.
    """
    around: Any = document.data
    for part in path[:-1]:
        around = around[part]
    if path[-1] not in around or deep_merge({"": around[path[-1]]}, {"": value})[""] == value:
        document.put(path, value, origin)
    else:
        for key, item in value.items():
            _merge(document, (*path, key), item, (*origin, key))


def _forget_envs(document: Document, names: Collection[str]) -> None:
    """Take environments that the tier leaves out from the algos' blocks, where they would be unknown."""
    gone = {_canonical(name) for name in names}
    algos = document.data.get("algos")
    for block in algos.values() if isinstance(algos, dict) else ():
        envs = block.get("envs") if isinstance(block, dict) else None
        if isinstance(envs, dict):
            block["envs"] = {name: item for name, item in envs.items() if _canonical(name) not in gone}


def _canonical(name: str) -> str:
    try:
        return canonical_env_id(name)
    except UnknownEnvironment:
        return name
