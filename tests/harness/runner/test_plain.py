"""Plain data goes through a file that is read without unpickling, and comes back the same."""

from __future__ import annotations

import io
import random
from collections import OrderedDict, deque
from typing import Any

import numpy as np
import pytest
import torch

from harness.runner.plain import NotPlain, decode, encode


def through_a_file(value: Any) -> Any:
    buffer = io.BytesIO()
    torch.save(encode(value), buffer)
    buffer.seek(0)
    return decode(torch.load(buffer, weights_only=True))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**200),
        0.1,
        "é",
        b"\x00",
        [1, [2.5, None], (3, "x")],
        {"a": {1: (2,)}, ("k", 0): []},
        random.getstate(),
        np.random.default_rng(3).bit_generator.state,
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back(value: Any) -> None:
    back = through_a_file(value)
    assert back == value
    assert type(back) is type(value)


def test_arrays_scalars_and_deques_keep_their_types() -> None:
    value = {
        "a": np.arange(6, dtype=np.uint8).reshape(2, 3)[:, ::-1],
        "b": np.float32(0.1),
        "c": np.bool_(True),
        "d": deque([1, 2], maxlen=5),
        "e": torch.tensor([1.5]),
        "f": np.random.get_state()[1],
    }
    back = through_a_file(value)
    np.testing.assert_array_equal(back["a"], value["a"])
    assert back["a"].dtype == np.uint8
    assert str(back["b"]) == "0.1"
    assert type(back["b"]) is np.float32
    assert back["c"].dtype == np.bool_
    assert (back["d"], back["d"].maxlen) == (deque([1, 2]), 5)
    assert torch.equal(back["e"], value["e"])
    np.testing.assert_array_equal(back["f"], value["f"])
    back["a"][0, 0] = 9  # writable, and a copy
    assert value["a"][0, 0] == 2


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, lambda: 0, OrderedDict(a=1), np.array(["x"]), [print]],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_not_plain(value: Any) -> None:
    with pytest.raises(NotPlain, match="is no plain data"):
        encode(value)
