"""RunSpec: what it accepts, where a run lives, and what its identity depends on."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from algos.registry import get_agent
from harness.envs.protocol import AtariProtocol
from harness.spec import RunSpec


def spec(**changes: Any) -> RunSpec:
    content: dict[str, Any] = {
        "algo": "acktr",
        "env_id": "PongNoFrameskip-v4",
        "protocol": {"name": "atari"},
        "n_timesteps": 10_000,
        "hyperparameters": {"eta_max": 0.25, "n_envs": 32, "kfac_kwargs": {"damping": 0.01, "momentum": 0.0}},
        "seed": 0,
    }
    return RunSpec.model_validate(content | changes)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)
hyperparameters = st.dictionaries(st.text(), values, max_size=6)


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def respelled(value: Any) -> Any:
    """Integral numbers as the other type that JSON might have given."""
    if isinstance(value, dict):
        return {key: respelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [respelled(item) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


@given(hyperparameters)
def test_identity_ignores_the_order_of_keys(content: dict[str, Any]) -> None:
    assert spec(hyperparameters=content).identity == spec(hyperparameters=reordered(content)).identity


@given(hyperparameters)
def test_identity_ignores_how_a_number_was_written(content: dict[str, Any]) -> None:
    assert spec(hyperparameters=content).identity == spec(hyperparameters=respelled(content)).identity


@given(hyperparameters)
def test_a_spec_survives_its_json(content: dict[str, Any]) -> None:
    run = spec(hyperparameters=content)
    again = RunSpec.model_validate(json.loads(json.dumps(run.to_json())))
    assert again == run
    assert again.identity == run.identity


@given(st.integers(min_value=1, max_value=10**15))
def test_n_timesteps_means_the_same_in_every_spelling(n_timesteps: int) -> None:
    spellings: list[Any] = [n_timesteps, str(n_timesteps), f"{n_timesteps:_}", f"{Decimal(n_timesteps):e}"]
    if n_timesteps < 2**53:
        spellings += [float(n_timesteps), repr(float(n_timesteps))]
    assert {spec(n_timesteps=spelling).n_timesteps for spelling in spellings} == {n_timesteps}


@pytest.mark.parametrize("agent", ["acktr", "a2c", "trpo"])
@pytest.mark.parametrize("domain", ["atari", "mujoco", "gym"])
def test_identity_ignores_whether_defaults_are_spelled_out(agent: str, domain: str) -> None:
    short = get_agent(agent).resolve(domain)
    spelled_out = get_agent(agent).resolve(domain, overrides=short)
    assert spec(hyperparameters=short).identity == spec(hyperparameters=spelled_out).identity


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    return [path]


def changed(value: Any, path: tuple[Any, ...]) -> Any:
    if path:
        return {**value, path[0]: changed(value[path[0]], path[1:])}
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return {"other": 1} if value == {} else f"{value}x"


def test_identity_depends_on_every_hyperparameter() -> None:
    complete = get_agent("acktr").resolve("atari")
    paths = leaves(complete)
    identities = {spec(hyperparameters=changed(complete, path)).identity for path in paths}
    assert len(paths) > 20
    assert len(identities | {spec(hyperparameters=complete).identity}) == len(paths) + 1


ATARI_CHANGES = {
    "noop_max": 0,
    "frame_skip": 5,
    "max_pool": False,
    "screen_size": 42,
    "frame_stack": 2,
    "terminal_on_life_loss": False,
    "clip_rewards": False,
    "fire_reset": False,
    "repeat_action_probability": 0.25,
    "full_action_space": True,
    "max_frames_per_episode": 18_000,
}


def test_identity_depends_on_every_protocol_field() -> None:
    fixed = {"name", "version", "grayscale"}
    assert set(ATARI_CHANGES) == set(AtariProtocol.model_fields) - fixed
    changed_specs = [spec(protocol={"name": "atari", key: value}) for key, value in ATARI_CHANGES.items()]
    assert len({run.identity for run in [spec(), *changed_specs]}) == len(ATARI_CHANGES) + 1


@pytest.mark.parametrize(
    "change",
    [{"algo": "a2c", "label": "acktr"}, {"env_id": "BreakoutNoFrameskip-v4"}, {"n_timesteps": 10_001}],
    ids=lambda change: next(iter(change)),
)
def test_identity_depends_on_agent_environment_and_budget(change: dict[str, Any]) -> None:
    assert spec(**change).identity != spec().identity


def test_identity_tells_true_from_one() -> None:
    assert spec(hyperparameters={"a": True}).identity != spec(hyperparameters={"a": 1}).identity


def test_seed_and_label_are_beside_the_identity() -> None:
    assert spec(seed=7, label="small").identity == spec().identity
    assert spec().with_seed(7) == spec(seed=7)


def test_a_changed_copy_has_an_identity_of_its_own() -> None:
    run = spec()
    before = run.identity  # now it is known, and a copy must not inherit it where it is another
    assert run.model_copy(update={"n_timesteps": 5}).identity == spec(n_timesteps=5).identity != before
    assert run.model_copy(update={"label": "b", "seed": 2}).identity == before
    assert "identity" not in run.to_json()
    assert run == spec()


def test_identity_is_stable_across_versions_of_this_code() -> None:
    """Written down once: changing it orphans every run directory there is."""
    run = spec(protocol={"name": "gym"}, env_id="CartPole-v1", hyperparameters={"gamma": 0.99, "n_envs": 8})
    assert run.identity == "47d4b3b8"


def test_directory_is_named_by_label_environment_identity_and_seed() -> None:
    run = spec(label="small", env_id="ns/Thing-v0", seed=3)
    assert run.label == "small"
    assert run.directory(Path("runs"), "sweep") == Path(f"runs/sweep/small/ns-Thing-v0/{run.identity}/seed-3")


def test_label_defaults_to_the_agent() -> None:
    assert spec().label == "acktr"


@pytest.mark.parametrize(
    "change",
    [
        {"n_timesteps": 0},
        {"n_timesteps": -1},
        {"n_timesteps": 1.5},
        {"n_timesteps": True},
        {"n_timesteps": "many"},
        {"n_timesteps": "1e400"},
        {"n_timesteps": "nan"},
        {"n_timesteps": float("inf")},
        {"seed": -1},
        {"seed": 1.0},
        {"seed": True},
        {"seed": "1"},
        {"seed": 2**32},
        {"label": "../up"},
        {"label": ".hidden"},
        {"label": "a\n"},
        {"algo": ""},
        {"spec_version": 2},
        {"unknown": 1},
        {"protocol": {"name": "atari", "unknown": 1}},
        {"hyperparameters": {"eta_max": float("nan")}},
        {"hyperparameters": {"eta_max": {1, 2}}},
        {"hyperparameters": {"kfac_kwargs": {"damping": [float("inf")]}}},
    ],
    ids=repr,
)
def test_a_bad_spec_is_refused_at_the_key(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        spec(**change)
    assert caught.value.errors()[0]["loc"][0] in change


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        spec().seed = 3  # type: ignore[misc]
