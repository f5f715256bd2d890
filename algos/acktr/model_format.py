"""Telling a saved ACKTR model from other files before anything in it is unpickled."""

from __future__ import annotations

import io
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.save_util import open_path

from algos.errors import ForeignModel

FORMAT = 3
"""Version of what ``ACKTR.save`` writes; raised when a saved model can no longer be loaded as it is."""
KEY = "acktr_format"


def check_format(path: str | pathlib.Path | io.BufferedIOBase) -> None:
    """Refuse a zip file that another class or another version saved; other damage is left to SB3's errors.

    Args:
        path: as for ``BaseAlgorithm.load``; a file object is left where it was.

    Raises:
        ForeignModel: naming the file and what was found.
    """
    name = getattr(path, "name", "the file") if hasattr(path, "read") else str(path)
    data = _saved_data(path)
    if data is None:
        return
    if KEY not in data:
        raise ForeignModel(f"{name}: expected a model saved by ACKTR, this one is of another class or older")
    if data[KEY] != FORMAT:
        raise ForeignModel(
            f"{name}: expected ACKTR format {FORMAT}, got {data[KEY]!r}, which another version wrote"
        )


def check_form(path: str | pathlib.Path | io.BufferedIOBase, changed: Mapping[str, Any]) -> None:
    """Refuse arguments with which the saved optimizers and statistics would be those of another form.

    Args:
        path: as for :func:`check_format`.
        changed: constructor arguments to load with instead of the saved ones.

    Raises:
        ValueError: naming the argument, what was saved and what was asked for.
    """
    data = _saved_data(path) or {}
    saved, wanted = _form(data), _form({**data, **changed})
    for name, value in saved.items():
        if wanted[name] != value:
            raise ValueError(
                f"{name}: expected {value!r}, the form of the saved agent's state, got {wanted[name]!r}"
            )


def _form(data: Mapping[str, Any]) -> dict[str, Any]:
    given = data.get("critic_kwargs")
    critic = given if isinstance(given, Mapping) else {}
    norm = critic.get("norm", "gauss_newton")
    return {
        "critic_kwargs.norm": norm,
        "critic_kwargs.optimizer": critic.get("optimizer", "rmsprop") if norm == "euclidean" else None,
        "critic_sigma": "adaptive" if data.get("critic_sigma") == "adaptive" else "a number",
        "adaptive_delta": bool(data.get("adaptive_delta")),
    }


def _saved_data(path: Any) -> dict[str, Any] | None:
    """The attributes in a model's zip file as plain JSON, None where there are none to be read."""
    start = path.tell() if hasattr(path, "tell") else None
    file: Any = path if start is not None else open_path(path, "r", verbose=0, suffix="zip")
    try:
        with zipfile.ZipFile(file) as archive:
            data = json.loads(archive.read("data"))
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError):
        return None
    finally:
        if start is not None:
            path.seek(start)
        else:
            file.close()
    return data if isinstance(data, dict) else None
