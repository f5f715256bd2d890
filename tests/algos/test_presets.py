"""What a preset file may hold, and ACKTR's presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from algos.presets import DOMAINS, Presets, UnknownPreset, deep_merge, load_presets
from algos.registry import get_agent


def cell(value: Any) -> dict[str, Any]:
    return {"value": value, "source": "a test"}


def test_a_preset_is_refused_where_only_others_have_values() -> None:
    presets = Presets("a", {"a": {"mujoco": {"x": cell(1)}, "gym": {}}, "b": {"mujoco": {"x": cell(2)}}})
    assert presets.names_for("mujoco") == ["a", "b"]
    assert presets.names_for("gym") == ["a"]
    assert presets.names_for("atari") == ["a", "b"]
    assert presets.values("atari", "b") == {}
    with pytest.raises(UnknownPreset, match=r"^preset 'b' has no values for gym; expected one of: a$"):
        presets.values("gym", "b")


def test_sticky_actions_have_the_values_of_plain_atari() -> None:
    presets = Presets("a", {"a": {"atari": {"x": cell(1)}}, "b": {"mujoco": {"x": cell(2)}}})
    assert presets.values("atari-sticky") == {"x": 1}
    assert presets.names_for("atari-sticky") == ["a"]


@pytest.mark.parametrize(
    ("base", "overrides", "merged"),
    [
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": {"linear": [1, 0]}}, {"a": {"linear": [2, 0]}}, {"a": {"linear": [2, 0]}}),
        ({"a": {"norm": "g", "x": 1}}, {"a": {"norm": "e", "y": 1}}, {"a": {"norm": "e", "y": 1}}),
        ({"a": {"norm": "g", "x": 1}}, {"a": {"norm": "g", "y": 1}}, {"a": {"norm": "g", "x": 1, "y": 1}}),
        ({"a": {"norm": "g", "x": 1}}, {"a": {"y": 1}}, {"a": {"norm": "g", "x": 1, "y": 1}}),
        ({"a": {"x": 1}}, {"a": {"norm": "e"}}, {"a": {"x": 1, "norm": "e"}}),
        ({"a": {"x": 1}}, {"a": None}, {"a": None}),
    ],
    ids=str,
)
def test_overrides_on_top(base: dict[str, Any], overrides: dict[str, Any], merged: dict[str, Any]) -> None:
    assert deep_merge(base, overrides) == merged


def test_the_norm_of_the_critic_is_changed_by_one_key() -> None:
    critic = get_agent("acktr").resolve("mujoco", overrides={"critic_kwargs": {"norm": "euclidean"}})[
        "critic_kwargs"
    ]
    assert critic["norm"] == "euclidean"
    assert critic["n_updates"] == 1
    assert critic["step_rule"] == "trust_region"


def test_null_takes_nested_options_back_to_their_defaults() -> None:
    resolved = get_agent("acktr").resolve("mujoco", overrides={"critic_kwargs": None, "kfac_kwargs": None})
    assert resolved["critic_kwargs"]["n_updates"] == 1
    assert resolved["kfac_kwargs"]["metric"] == "kfac"


def test_quirks_are_read_from_the_file(tmp_path: Path) -> None:
    quirk = {"domains": ["atari"], "quirk": "odd", "reproduced": False, "here": "even"}
    content = {"default": "a", "presets": {"a": {}}, "quirks": {"a": [quirk]}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(content))
    (read,) = load_presets(tmp_path / "x.yaml").quirks["a"]
    assert vars(read) == quirk


@pytest.mark.parametrize("domain", ["atari", "mujoco"])
def test_the_released_preset_reproduces_what_it_says(domain: str) -> None:
    """The settings that its quirks name are those that it resolves to."""
    agent = get_agent("acktr")
    resolved = agent.resolve(domain, "released")
    flat = {
        name.rsplit(".")[-1]: value for name, value in [*resolved["kfac_kwargs"].items(), *resolved.items()]
    }
    named = 0
    for quirk in agent.presets.quirks["released"]:
        assert set(quirk.domains) <= set(DOMAINS)
        if domain in quirk.domains and quirk.reproduced:
            for setting in [part for part in quirk.here.split(", ") if "=" in part]:
                name, value = setting.split("=")
                assert str(flat[name]) == value
                named += 1
    assert named >= 5


def test_the_released_step_of_the_critic_is_the_one_it_stands_for() -> None:
    """Gradient and Fisher matrix of ``mean((V - R)^2)`` with ``F = 4 J'J`` and step size 0.001.

    Here the loss is ``0.5 * mean((V - R)^2) / sigma^2``, twice that, so the step size is half.
    """
    resolved = get_agent("acktr").resolve("mujoco", "released")
    scale_of_loss = 0.5 / resolved["critic_sigma"] ** 2
    assert 1 / resolved["critic_sigma"] ** 2 == 4
    assert resolved["critic_kwargs"]["eta_max"] * scale_of_loss == pytest.approx(0.001)


def test_differences_hold_only_what_differs() -> None:
    agent = get_agent("acktr")
    table = agent.differences("atari")
    assert "policy" not in table
    assert {preset: row["value"] for preset, row in table["delta"].items()} == {
        "tuned": 0.0005,
        "paper": 0.001,
        "released": 0.0005,
    }
    assert table["delta"]["paper"]["source"] == "A.1"
    assert agent.differences("gym") == {}
    assert get_agent("ppo").differences("atari") == {}
