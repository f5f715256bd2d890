"""One run, from the command line's options or from a JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from algos.presets import UnknownPreset, deep_merge
from algos.registry import UnknownAgent, get_agent
from harness.envs.names import UnknownEnvironment, canonical_env_id
from harness.envs.protocol import WrongProtocol, protocol_class
from harness.records import RecordError, read_json
from harness.spec import RunSpec, SpecError
from harness.sweep.expand import nested
from harness.sweep.masks import NoActionMasks, check_masks
from harness.sweep.problems import first_problem
from harness.yaml_source import split_assignment


def run_from_options(
    algo: str,
    env: str,
    seed: int,
    n_timesteps: str,
    preset: str | None = None,
    assignments: Sequence[str] = (),
    protocol: str | None = None,
) -> RunSpec:
    """The run that the options describe.

    Args:
        assignments: ``hyperparameter=value``, dotted for nested ones, each value in YAML.
        protocol: a protocol's name; default: the environment's own.

    Raises:
        SpecError: naming the option.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, value = split_assignment(assignment)
        values = deep_merge(values, nested(tuple(key.split(".")), value))
    try:
        agent = get_agent(algo)
        env_id = canonical_env_id(env)
        played = protocol_class(env_id, protocol)()
        hyperparameters = agent.resolve(played.name, preset, values)
        check_masks(agent, env_id)
    except UnknownAgent as error:
        raise SpecError(f"--algo: {error}") from None
    except (UnknownEnvironment, NoActionMasks) as error:
        raise SpecError(f"--env: {error}") from None
    except WrongProtocol as error:
        raise SpecError(f"--protocol: {error}") from None
    except UnknownPreset as error:
        raise SpecError(f"--preset: {error}") from None
    except ValidationError as error:
        where, message = first_problem(error, agent.hyperparameters)
        raise SpecError(f"--set {'.'.join(map(str, where))}: {message} (agent {algo})") from None
    content = {
        "algo": algo,
        "env_id": env_id,
        "protocol": played,
        "n_timesteps": n_timesteps,
        "hyperparameters": hyperparameters,
        "seed": seed,
    }
    options = {"n_timesteps": "--timesteps", "seed": "--seed"}
    try:
        return RunSpec.model_validate(content)
    except ValidationError as error:
        where, message = first_problem(error, RunSpec)
        raise SpecError(f"{options[str(where[0])]}: {message}") from None


def read_run(path: Path) -> RunSpec:
    """The run in ``path``: the ``run.json`` of an earlier run, or a RunSpec alone, in JSON.

    Hyper-parameters that it leaves out take the agent's defaults.

    Raises:
        SpecError: naming the file and the key.
    """
    try:
        content = read_json(path)
    except RecordError as error:
        raise SpecError(str(error)) from None
    spec, prefix = (content["spec"], "spec.") if isinstance(content.get("spec"), dict) else (content, "")
    try:
        if isinstance(spec.get("env_id"), str):
            spec = {**spec, "env_id": canonical_env_id(spec["env_id"])}
        run = RunSpec.model_validate(spec)
        protocol_class(run.env_id, run.protocol.name)
        agent = get_agent(run.algo)
        check_masks(agent, run.env_id)
    except (UnknownEnvironment, NoActionMasks) as error:
        raise SpecError(f"{path}: {prefix}env_id: {error}") from None
    except WrongProtocol as error:
        raise SpecError(f"{path}: {prefix}protocol: {error}") from None
    except UnknownAgent as error:
        raise SpecError(f"{path}: {prefix}algo: {error}") from None
    except ValidationError as error:
        where, message = first_problem(error, RunSpec)
        raise SpecError(f"{path}: {prefix}{_dotted(where)}: {message}") from None
    try:
        complete = agent.hyperparameters.model_validate(run.hyperparameters).model_dump(mode="json")
    except ValidationError as error:
        where, message = first_problem(error, agent.hyperparameters)
        place = f"{path}: {prefix}hyperparameters.{_dotted(where)}"
        raise SpecError(f"{place}: {message} (agent {run.algo})") from None
    return run.model_copy(update={"hyperparameters": complete})


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
