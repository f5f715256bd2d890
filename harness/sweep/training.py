"""How a sweep was trained last, ``runs/<sweep>/training.json``: ``harness retry`` has no sweep file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.records import MissingFile, RecordError, read_json, write_json
from harness.sweep.expand import Sweep
from harness.sweep.problems import first_problem
from harness.tracking.settings import TrackingBlock

FILE = "training.json"


class Training(BaseModel):
    """What a sweep's file and options say beside its runs; no part of their identity.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        checkpoint_seconds: between checkpoints; ``None`` is the worker's default.
        tracking: what is shown where.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_seconds: float | None = None
    tracking: TrackingBlock = Field(default_factory=TrackingBlock)

    @classmethod
    def of(cls, content: Sweep) -> Self:
        """Of a sweep that is about to train."""
        return cls.model_validate({name: getattr(content, name) for name in cls.model_fields})

    @classmethod
    def read(cls, sweep: Path) -> Self:
        """Of the directory ``runs/<sweep>``; all by default where nothing is noted.

        Raises:
            RecordError: the file is damaged.
        """
        try:
            return cls.model_validate(read_json(sweep / FILE))
        except MissingFile:
            return cls()
        except ValidationError as error:
            where, message = first_problem(error, cls)
            raise RecordError(f"{sweep / FILE}: {'.'.join(map(str, where))}: {message}") from None

    def write(self, sweep: Path) -> None:
        """Note it in ``runs/<sweep>``, unless it is there already."""
        content = self.model_dump(mode="json")
        try:
            if read_json(sweep / FILE) == content:
                return
        except RecordError:  # missing, or damaged
            pass
        write_json(sweep / FILE, content)
