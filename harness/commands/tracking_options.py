"""The options that say what is tracked, shared by the commands that train."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from harness.tracking.settings import TrackingBlock

Wandb = Annotated[
    Literal["online", "offline", "disabled"] | None,
    typer.Option(
        help="Show the runs in Weights & Biases, or write files for `wandb sync`.",
        show_default="as the file says, else disabled",
    ),
]
Tensorboard = Annotated[
    bool, typer.Option("--tensorboard", help="Write TensorBoard's files into the run directories too.")
]


def tracking(given: TrackingBlock, wandb: str | None, tensorboard: bool) -> TrackingBlock:
    """What is to be tracked: as the file says, with the options over it.

    Raises:
        SpecError: a package that this needs is not installed.
    """
    from harness.spec import SpecError

    if wandb is not None:
        given = given.model_copy(update={"wandb": given.wandb.model_copy(update={"mode": wandb})})
    given = given.model_copy(update={"tensorboard": given.tensorboard or tensorboard})
    for package, wanted in (("wandb", given.wandb.enabled), ("tensorboard", given.tensorboard)):
        if wanted and importlib.util.find_spec(package) is None:
            raise SpecError(
                f"tracking.{package}: {package} is not installed; expected this package's extra {package!r}"
            )
    return given
