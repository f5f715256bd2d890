"""What is tracked, and where to; none of it is part of a run's identity."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

DEFAULT_PROJECT = "acktr-harness"
Mode = Literal["online", "offline", "disabled"]
_Name = Annotated[str, StringConstraints(max_length=128, pattern=re.compile(r"^[^/\\#?%:\s]+\Z"))]
_Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def _mode_or_block(value: Any) -> Any:
    if value is None:
        return {}
    return {"mode": value} if isinstance(value, str) else value


class WandbBlock(BaseModel):
    """Whether and where runs are shown in Weights & Biases.

    Attributes:
        mode: ``online``; ``offline`` writes files for ``wandb sync``; ``disabled``.
        project: the W&B project.
        entity: its user or team; by default the one that the API key belongs to.
        tags: of every run.
        finish_seconds: after the end of a run, W&B has so long to take what is left of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = "disabled"
    project: _Name = DEFAULT_PROJECT
    entity: _Name | None = None
    tags: list[_Tag] = Field(default_factory=list)
    finish_seconds: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 10.0

    @property
    def enabled(self) -> bool:
        """Whether anything is to be written at all."""
        return self.mode != "disabled"


class TrackingBlock(BaseModel):
    """What a sweep's runs write beside their records.

    Attributes:
        wandb: a mode, or a mapping of :class:`WandbBlock`'s keys.
        tensorboard: whether the run directory gets TensorBoard's event files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    wandb: Annotated[WandbBlock, BeforeValidator(_mode_or_block)] = Field(default_factory=WandbBlock)
    tensorboard: bool = False
