"""torch's distributions without their checks, each of which asks the device whether its values are valid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.distributions import Distribution

from algos.kfac.host import reads_are_free


@contextmanager
def unvalidated(device: torch.device) -> Iterator[None]:
    """Inside, distributions check nothing where asking `device` would be a wait; NaN gives NaN there."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(before and reads_are_free(device))
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
