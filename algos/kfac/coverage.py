"""Which block covers which parameter of a model; every trainable parameter must have one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from algos.kfac.errors import (
    ChangedParameterError,
    SplitLayerError,
    TiedWeightsError,
    UncoveredParameterError,
)
from algos.kfac.layers import Block, FreeBlock, LayerBlock


def blocks_of(model: nn.Module, parameters: Iterable[nn.Parameter], free: Mapping[str, float]) -> list[Block]:
    """Cover `parameters` with blocks, in the model's order.

    Args:
        model: owner of the parameters.
        parameters: the parameters to cover; others of the model, and frozen ones, are left alone.
        free: Fisher information per element of the parameters outside layers. A key is a parameter's full
            name in `model` or a dotted suffix of it (``"log_std"`` finds ``"policy.log_std"``).

    Raises:
        UncoveredParameterError: a parameter belongs to no Linear or Conv2d and is not in `free`.
        TiedWeightsError: a parameter belongs to two layers.
        GroupedConvolutionError: a convolution has ``groups != 1``.
        SplitLayerError: only one of a layer's trainable weight and bias is in `parameters`.
        ValueError: a key of `free` fits no parameter, or more than one, or its value is not positive.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    parameters = list(parameters)
    foreign = {id(parameter) for parameter in parameters} - names.keys()
    if foreign:
        raise UncoveredParameterError(
            f"{len(foreign)} of the given parameters are not parameters of the model"
        )
    wanted = {id(parameter) for parameter in parameters if parameter.requires_grad}

    blocks: list[Block] = []
    owner: dict[int, str] = {}
    for name, module in model.named_modules():
        if (
            not isinstance(module, nn.Linear | nn.Conv2d)
            or id(module._parameters.get("weight")) not in wanted
        ):
            continue  # where a parametrization replaced the weight, its own parameters end up uncovered
        block = LayerBlock(name, module)
        for parameter in block.parameters:
            if id(parameter) in owner:
                raise TiedWeightsError(
                    f"layers {owner[id(parameter)]!r} and {name!r} share parameter {names[id(parameter)]!r}; "
                    "tied weights have no Kronecker block"
                )
            owner[id(parameter)] = name
            if id(parameter) not in wanted:
                raise SplitLayerError(
                    f"layer {name!r}: its weight is in this parameter group but "
                    f"{names[id(parameter)]!r} is not; pass both or freeze one with requires_grad_(False)"
                )
        blocks.append(block)

    for name, fisher in _free_parameters(model, free).items():
        parameter = model.get_parameter(name)
        if id(parameter) in wanted:
            blocks.append(FreeBlock(name, parameter, fisher))
            owner[id(parameter)] = name

    uncovered = [names[i] for i in names if i in wanted and i not in owner]
    if uncovered:
        raise UncoveredParameterError(
            f"no curvature block for trainable parameter(s) {', '.join(map(repr, uncovered))}: outside any "
            f"Linear or Conv2d with a trainable weight; give the Fisher information, e.g. "
            f"free={{{uncovered[0]!r}: 2.0}}, or freeze it with requires_grad_(False)"
        )
    return blocks


def check_unchanged(
    blocks: Iterable[Block], groups: Iterable[Mapping[str, Any]], names: Mapping[int, str]
) -> None:
    """Raise `ChangedParameterError` unless the blocks still cover exactly the groups' trainable parameters.

    Args:
        blocks: what covers them.
        groups: the optimizer's parameter groups.
        names: each parameter's name by its id.
    """
    covered = {id(parameter) for block in blocks for parameter in block.parameters}
    for parameter in (parameter for group in groups for parameter in group["params"]):
        if parameter.requires_grad != (id(parameter) in covered):
            change = "thawed" if parameter.requires_grad else "frozen"
            raise ChangedParameterError(
                f"parameter {names[id(parameter)]!r} was {change} after the optimizer had covered the model; "
                "make a new optimizer"
            )


def _free_parameters(model: nn.Module, free: Mapping[str, float]) -> dict[str, float]:
    """`free` with every key resolved to a full parameter name."""
    names = [name for name, _ in model.named_parameters()]
    resolved: dict[str, float] = {}
    for key, fisher in free.items():
        found = [name for name in names if name == key or name.endswith(f".{key}")]
        if len(found) != 1:
            near = found or difflib.get_close_matches(key, names, n=1, cutoff=0.0)
            hint = "matches several parameters: " if found else "is not a parameter of the model; nearest: "
            raise ValueError(f"free[{key!r}] {hint}{', '.join(map(repr, near)) or 'none'}")
        if not fisher > 0:
            raise ValueError(f"free[{key!r}] = {fisher}: a Fisher information must be positive")
        resolved[found[0]] = float(fisher)
    return resolved
