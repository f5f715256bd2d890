"""Agents by name, their presets, and the schema of their hyper-parameters."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from algos import registry
from algos.presets import UnknownPreset
from algos.registry import LIBRARY, UnknownAgent, UnusableAgent, agent_names, get_agent
from algos.signature import SET_BY_THE_RUNNER, schema_of
from harness.commands.algos import algos as algos_command

BUILT_IN = ["acktr", "a2c", "trpo"]
DOMAINS = ["atari", "atari-sticky", "mujoco", "mujoco-pixels", "gym"]


def test_the_built_in_agents_come_first() -> None:
    assert agent_names()[:3] == BUILT_IN


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize("domain", DOMAINS)
def test_agents_of_sb3_come_with_their_own_defaults(name: str, domain: str) -> None:
    agent = get_agent(name)
    resolved = agent.resolve(domain)
    arguments = inspect.signature(agent.load()).parameters
    assert set(resolved) == (set(arguments) & set(resolved)) | {"n_envs"}
    assert resolved["policy"] in agent.load().policy_aliases
    has_cnn = any("Cnn" in alias for alias in agent.load().policy_aliases)
    assert ("Cnn" in resolved["policy"]) == (domain in ("atari", "atari-sticky", "mujoco-pixels") and has_cnn)
    assert agent.resolve(domain, overrides=resolved) == resolved


@pytest.mark.parametrize("package", ["stable_baselines3", "sb3_contrib"])
def test_every_algorithm_of_sb3_and_sb3_contrib_has_a_name(package: str) -> None:
    from stable_baselines3.common.base_class import BaseAlgorithm

    exported = [
        getattr(importlib.import_module(package), name) for name in dir(importlib.import_module(package))
    ]
    theirs = {one for one in exported if inspect.isclass(one) and issubclass(one, BaseAlgorithm)}
    ours = [get_agent(name).load() for name in [*BUILT_IN, *LIBRARY]]
    assert len(theirs) >= 6
    missing = {
        one.__name__
        for one in theirs
        if not any(issubclass(agent, one) and agent.__name__ == one.__name__ for agent in ours)
    }
    assert missing == set()


def test_only_maskable_ppo_takes_action_masks() -> None:
    assert [name for name in agent_names() if get_agent(name).takes_action_masks] == ["maskable_ppo"]


def test_an_unknown_agent_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownAgent, match=r"unknown agent 'acktrr'; nearest: acktr"):
        get_agent("acktrr")


def test_names_and_presets_are_read_without_torch() -> None:
    code = (
        "import sys; from algos.registry import *;"
        "[get_agent(name).resolve('atari') for name in agent_names()[:3]]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_hyperparameter_is_an_argument_of_the_constructor(name: str) -> None:
    agent = get_agent(name)
    arguments = set(inspect.signature(agent.load()).parameters)
    assert set(agent.hyperparameters.model_fields) - {"n_envs"} <= arguments


def test_every_kfac_option_is_an_argument_of_the_optimizer_with_its_default() -> None:
    from algos.hyperparameters import KFACOptions
    from algos.kfac import KFAC

    arguments = inspect.signature(KFAC).parameters
    set_by_the_agent = {"model", "params", "lr", "delta", "step_rule", "free", "seed"}
    assert set(KFACOptions.model_fields) == set(arguments) - set_by_the_agent
    assert KFACOptions().model_dump() == {name: arguments[name].default for name in KFACOptions.model_fields}


@pytest.mark.parametrize("name", BUILT_IN)
def test_defaults_equal_those_of_the_constructor(name: str) -> None:
    agent = get_agent(name)
    ours = agent.hyperparameters().model_dump(mode="json")
    theirs = {
        key: parameter.default
        for key, parameter in inspect.signature(agent.load()).parameters.items()
        if parameter.default is not parameter.empty and parameter.default is not None
    }
    common = sorted(set(ours) & set(theirs) - {"policy"})
    assert common
    assert {key: ours[key] for key in common} == {key: theirs[key] for key in common}


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("domain", DOMAINS)
def test_presets_are_complete_and_every_value_has_a_source(name: str, domain: str) -> None:
    agent = get_agent(name)
    for preset in agent.presets.names_for(domain):
        resolved = agent.resolve(domain, preset)
        assert set(resolved) == set(agent.hyperparameters.model_fields)
        assert agent.resolve(domain, preset, resolved) == resolved
        assert all(source for _, _, source in agent.explain(domain, preset))


@pytest.mark.parametrize(
    ("name", "domain", "preset", "batch_size"),
    [
        ("acktr", "atari", "paper", 640),
        ("a2c", "atari", "paper", 80),
        ("trpo", "atari", "paper", 512),
        ("acktr", "mujoco", "paper", 2500),
        ("a2c", "mujoco", "paper", 2500),
        ("trpo", "mujoco", "paper", 25000),
        ("acktr", "mujoco-pixels", "paper", 8000),
        ("acktr", "mujoco-pixels", "tuned", 8000),
        ("a2c", "mujoco-pixels", "paper", 8000),
        ("trpo", "mujoco-pixels", "paper", 8000),
    ],
)
def test_batch_sizes_are_those_of_appendix_a(name: str, domain: str, preset: str, batch_size: int) -> None:
    resolved = get_agent(name).resolve(domain, preset)
    assert resolved["n_envs"] * resolved["n_steps"] == batch_size


@pytest.mark.parametrize("name", [*BUILT_IN, "ppo", "dqn"])
def test_sticky_actions_change_no_hyperparameter(name: str) -> None:
    agent = get_agent(name)
    for preset in agent.preset_names():
        assert agent.resolve("atari-sticky", preset) == agent.resolve("atari", preset)


@pytest.mark.parametrize("name", BUILT_IN)
def test_pixels_have_the_network_of_appendix_a2(name: str) -> None:
    agent = get_agent(name)
    for preset in {"paper", agent.default_preset}:
        assert agent.resolve("mujoco-pixels", preset)["policy"] == "PaperPixelsPolicy"


def test_overrides_merge_into_nested_options() -> None:
    agent = get_agent("acktr")
    before = agent.resolve("mujoco")
    after = agent.resolve("mujoco", overrides={"kfac_kwargs": {"damping": "1e-3"}, "delta": 0.002})
    assert after["kfac_kwargs"] == {**before["kfac_kwargs"], "damping": 0.001}
    assert after["delta"] == 0.002


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UnknownPreset, match="unknown preset 'papr'; expected one of: paper"):
        get_agent("acktr").resolve("atari", "papr")


@pytest.mark.parametrize(
    "overrides",
    [
        {"etamax": 1},
        {"kfac_kwargs": {"dampin": 1}},
        {"n_steps": 0},
        {"n_steps": True},
        {"n_steps": 2.5},
        {"gamma": 1.5},
        {"eta_max": -0.1},
        {"kfac_kwargs": {"momentum": 1.0}},
        {"kfac_kwargs": {"inverse_lag": 2}},
        {"kfac_kwargs": {"metric": "euclid"}},
        {"critic_kwargs": {"norm": "euclid"}},
        {"critic_kwargs": {"norm": "euclidean", "eta_max": 0.5}},
        {"critic_kwargs": {"learning_rate": 0.5}},
        {"critic_sigma": "adapt"},
        {"critic_sigma": True},
        {"target_kl": 0},
        {"critic_kwargs": {"n_updates": 0}},
        {"ent_coef": float("nan")},
    ],
    ids=str,
)
def test_bad_overrides_are_refused(overrides: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        get_agent("acktr").resolve("mujoco", overrides=overrides)
    assert caught.value.errors()[0]["loc"][0] == next(iter(overrides))


def imported(module: str, seen: set[str]) -> set[str]:
    """The project's modules that a module imports, itself included."""
    if module in seen:
        return seen
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    seen.add(module)
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "algos":
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in names if node.module == "algos"] or [node.module]
            for name in modules:
                imported(name, seen)
    return seen


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_digest_of_an_agent_covers_all_of_its_code(name: str) -> None:
    agent = get_agent(name)
    files = {
        Path(importlib.util.find_spec(module).origin)  # type: ignore[union-attr,arg-type]
        for module in imported(agent.target.split(":")[0], set())
    }
    assert len(files) > 3
    assert {file.name for file in files - set(agent.sources)} == set()


class Plain:
    """An agent as a third party might write it."""

    def __init__(
        self, policy: str, env: object, learning_rate: float = 0.1, n_steps: int = 4, seed: int | None = None
    ) -> None: ...


def test_the_schema_of_a_bare_class_is_its_signature() -> None:
    schema = schema_of(Plain)
    assert set(schema.model_fields) == {"n_envs", "policy", "learning_rate", "n_steps"}
    assert not set(schema.model_fields) & SET_BY_THE_RUNNER
    with pytest.raises(ValidationError):
        schema.model_validate({"n_steps": "many"})


def test_sb3_schedules_are_recognised_in_a_signature() -> None:
    from stable_baselines3 import PPO

    values = schema_of(PPO).model_validate({"learning_rate": "lin_3e-4"}).model_dump(mode="json")
    assert values["learning_rate"] == {"linear": [3e-4, 0.0]}
    assert values["n_steps"] == 2048


def test_an_agents_code_is_its_class_and_what_that_inherits_from_its_own_package() -> None:
    trpo, ppo = (set(get_agent(name).sources) for name in ("trpo", "ppo"))
    assert {path.name for path in trpo ^ ppo} == {"trpo.py", "ppo.py"}  # networks, acting, ...
    assert [path.name for path in get_agent("ars").sources] == ["ars.py"]
    assert [path.name for path in get_agent("dqn").sources] == [
        "dqn.py",
        "off_policy_algorithm.py",
        "base_class.py",
    ]


def entry_point(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = importlib.metadata.EntryPoint(name, value, registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "_entry_points", lambda: {name: point})


class Wrong:
    """Agents whose presets are wrong in one way each."""

    class NoMapping(Plain):
        presets: ClassVar[Any] = ["mujoco"]

    class NoDomain(Plain):
        presets: ClassVar[Any] = {"mujco": {"n_steps": 8}}

    class NoName(Plain):
        presets: ClassVar[Any] = {"mujoco": {"n_stepz": 8}}

    no_class = staticmethod(print)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:Agent", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        (f"{__name__}:Nothing", "cannot be loaded: AttributeError"),
        (f"{__name__}:Wrong.no_class", "expected a class, got"),
        (f"{__name__}:Wrong.NoMapping", "presets: expected {domain: {name: value}}, got ['mujoco']"),
        (f"{__name__}:Wrong.NoDomain", "presets.mujco: expected a domain of atari, "),
        (f"{__name__}:Wrong.NoName", "presets.mujoco.n_stepz: Extra inputs are not permitted"),
    ],
)
def test_an_agent_of_another_package_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str, message: str
) -> None:
    entry_point(monkeypatch, value, value)  # its own name, since agents are cached by name
    with pytest.raises(
        UnusableAgent, match=re.escape(f"agent {value!r} of the entry point {value!r}: {message}")
    ):
        get_agent(value)
    algos_command()
    told = capsys.readouterr()
    assert message in told.err
    assert "acktr" in told.out


class Nested(Plain):
    """Sets a mapping as a whole."""

    presets: ClassVar[Any] = {"mujoco": {"policy_kwargs": {"net_arch": [8]}}}

    def __init__(self, policy: str, env: object, policy_kwargs: dict[str, Any] | None = None) -> None: ...


def test_a_mapping_that_a_preset_sets_has_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point(monkeypatch, "nested-preset", f"{__name__}:Nested")
    assert ("policy_kwargs.net_arch", [8], f"{__name__}:Nested") in get_agent("nested-preset").explain(
        "mujoco"
    )
