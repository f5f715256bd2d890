"""What a run is: :class:`RunSpec`, complete and resolved, and its identity.

A RunSpec holds every number that a run uses, defaults included, so that a run can be repeated from its
``run.json`` alone. What a user writes is in :mod:`harness.sweep.document`. Neither torch nor gymnasium is
imported.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from harness.envs.protocol import Protocol
from harness.records import run_directory

MAX_SEED = 2**32 - 1
"""Largest seed: numpy's legacy generator, which SB3 seeds, takes 32 bits."""

MAX_TIMESTEPS = 10**15


class SpecError(ValueError):
    """A user's mistake; the message is one clear line (or one line per mistake) fit for the terminal."""


def whole_number(value: object) -> object:
    """Read ``1e6``, ``1_000_000``, ``"1e6"`` and ``1000000.0`` as the integer they all mean.

    Anything that is no whole number is returned as it came, so that pydantic's own message names what was
    expected; a truth value raises ``ValueError``.
    """
    if isinstance(value, bool):
        raise ValueError("expected a whole number, got a truth value")
    if isinstance(value, str):
        try:
            number = Decimal(value.strip().replace("_", ""))
        except InvalidOperation:
            return value
        if number.is_finite() and number.adjusted() < 20 and number == number.to_integral_value():
            return int(number)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


WholeNumber = Annotated[int, BeforeValidator(whole_number)]
Timesteps = Annotated[WholeNumber, Field(gt=0, le=MAX_TIMESTEPS)]
Seed = Annotated[int, Field(strict=True, ge=0, le=MAX_SEED)]
NAME_PATTERN = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]*\Z")
MAX_NAME = 100
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=MAX_NAME)]
"""A name that is one path component: letters, digits, '.', '_' and '-', not beginning with a dot."""


def check_name(sweep: str) -> None:
    """Raise :class:`SpecError` unless ``sweep`` can be a sweep's name."""
    if not NAME_PATTERN.match(sweep):
        raise SpecError(f"{sweep!r}: is no sweep's name; expected letters, digits, '.', '_' and '-' only")
    if len(sweep) > MAX_NAME:
        raise SpecError(f"{sweep!r}: is no sweep's name; expected at most {MAX_NAME} characters")


class RunSpec(BaseModel):
    """One run, complete and resolved.

    **Identity.** Two runs with the same :attr:`identity` and the same seed are the same run, wherever they
    lie. The identity is the first 8 hex digits of SHA-256 over the canonical JSON (keys sorted, no spaces,
    ASCII) of ``spec_version``, ``algo``, ``env_id``, ``protocol``, ``n_timesteps`` and ``hyperparameters``:

    - ``seed`` is not in it: the seeds of one setting share it and lie side by side;
    - ``label`` is not in it: it only names the directory and the row of a table;
    - the order of keys, and whether a default was spelled out, cannot change it, since a RunSpec is resolved;
    - equal numbers are equal however they were written (``1``, ``1.0`` and ``1e0``; ``-0.0`` and ``0``), and
      a truth value is never a number;
    - any other change of a hyper-parameter, of the environment's protocol (its version included) or of the
      budget changes it. The agent's code and the package versions are not in it: they are provenance,
      recorded with each attempt, and a result of older code is reported as such.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec_version: Literal[1] = 1
    algo: str = Field(min_length=1)
    label: Name = Field(default_factory=lambda data: str(data["algo"]), validate_default=True)
    """Directory and row name; the agent's name unless a sweep holds two variants of one agent."""
    env_id: str = Field(min_length=1)
    protocol: Protocol
    n_timesteps: Timesteps
    hyperparameters: dict[str, Any]
    seed: Seed

    @field_validator("hyperparameters")
    @classmethod
    def _plain_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            raise ValueError("expected finite numbers, got nan or infinity") from None
        except TypeError as error:
            raise ValueError(f"expected JSON values, got another: {error}") from None
        return value

    @cached_property
    def identity(self) -> str:
        """First 8 hex digits of the hash described above."""
        return identity_of(self.model_dump(mode="json", exclude={"seed", "label"}))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Pydantic's copy; the identity is computed anew where the update could change it."""
        copied = super().model_copy(update=update, deep=deep)
        if not set(update or ()) <= {"seed", "label"}:
            copied.__dict__.pop("identity", None)
        return copied

    def directory(self, runs_dir: Path, sweep: str) -> Path:
        """Where the run lives: ``<runs_dir>/<sweep>/<label>/<env>/<identity>/seed-<k>``."""
        return run_directory(runs_dir, sweep, self.label, self.env_id, self.identity, self.seed)

    def with_seed(self, seed: int) -> RunSpec:
        """The same run under another seed (cheap: nothing is validated again)."""
        return self.model_copy(update={"seed": seed})

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``run.json``; ``RunSpec.model_validate`` reads it back."""
        return self.model_dump(mode="json")


def identity_of(content: dict[str, Any]) -> str:
    """First 8 hex digits of SHA-256 over the canonical JSON of ``content``.

    Raises:
        ValueError: a number in it is nan or infinite.
    """
    text = json.dumps(_canonical(content), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:8]


def _canonical(value: Any) -> Any:
    """``value`` with every integral float as an integer."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _canonical(v) if isinstance(v, _CHANGED) else v for key, v in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return value


_CHANGED = (float, dict, list)
