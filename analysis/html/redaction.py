"""Keeps secrets out of what a report shows: values under keys that are named like one.

A page is sent around, and configurations, command lines and logs may carry what an environment held.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

HIDDEN = "[hidden]"

_NAMES = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|secrets?|token|passw(?:or)?d|passphrase|credentials?)"
)
_KEY = re.compile(rf".*{_NAMES}$", re.IGNORECASE)
_OPTION = re.compile(rf"^--?[\w-]*{_NAMES}$", re.IGNORECASE)
_VALUE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s"',;}&]+)"""
_ASSIGNED = re.compile(rf"({_NAMES}[\"']?[ \t]*[:=][ \t]*){_VALUE}", re.IGNORECASE)
_GIVEN = re.compile(rf"((?<!\S)--?[\w-]*{_NAMES}[ \t]+){_VALUE}", re.IGNORECASE)
_BEARER = re.compile(r"\b((?:Bearer|Basic)\s+)[\w.~+/=-]{8,}")
_USER = re.compile(r"(://)[^/\s:@]*:[^/\s@]+@")


def redact_text(text: str) -> str:
    """``text`` without the values in ``WANDB_API_KEY=…``, ``--token …``, ``Bearer …`` and ``://user:…@``."""
    for pattern in (_ASSIGNED, _GIVEN, _BEARER):
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return _USER.sub(rf"\1{HIDDEN}@", text)


def redact(value: Any) -> Any:
    """Plain data with the same shape: what stands under a secret's key, or follows its option, is hidden."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {key: HIDDEN if _KEY.match(str(key)) else redact(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        options = [isinstance(item, str) and _OPTION.match(item) is not None for item in value]
        return [
            HIDDEN if follows else redact(item)
            for item, follows in zip(value, [False, *options], strict=False)
        ]
    return value
