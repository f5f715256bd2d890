"""Errors that an agent raises while it trains, and about saved models."""

from __future__ import annotations


class RefusedUpdates(RuntimeError):
    """Too many updates in a row were refused, since their rollouts held NaN or infinity."""


class ForeignModel(ValueError):
    """A file is no saved ACKTR model, or one of another format version."""
