"""What a run has learned so far, for evaluation: from its newest intact checkpoint, or its final model."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm

from harness.records import RecordError, RunRecord
from harness.runner.agent_state import load_modules
from harness.runner.build import build_agent, build_envs
from harness.runner.checkpoint import CheckpointDamaged, checkpoint_directories, open_checkpoint
from harness.spec import RunSpec


@dataclass(frozen=True)
class Trained:
    """An agent ready to ``predict``, and what belongs to it.

    Attributes:
        agent: with all that SB3 saves of it as tensors, but for optimizers; its environment is closed.
        protocol_state: for ``load_protocol_state`` of the environments that it is to act in.
        timesteps: of training behind the parameters.
    """

    agent: BaseAlgorithm
    protocol_state: dict[str, NDArray[Any]]
    timesteps: int


def load_for_evaluation(record: RunRecord, device: str = "cpu") -> Trained:
    """The run's parameters: of its newest intact checkpoint, else of ``model.zip``.

    Only tensors and arrays are read; nothing is unpickled as code. The files may belong to a run at work.

    Raises:
        RecordError: there is neither, or the files are damaged, or of another agent or environment.
    """
    spec = RunSpec.model_validate(record.spec)
    learned, protocol_state, timesteps = _newest(record) or _final(record)
    envs = build_envs(spec, n_envs=min(2, int(spec.hyperparameters["n_envs"])))  # for their spaces
    try:
        agent = build_agent(spec, envs, device)
        try:
            load_modules(agent, learned)
        except RuntimeError as error:
            line = " ".join(str(error).split())
            raise RecordError(f"{record.directory}: its parameters are not this agent's ({line})") from None
        agent.policy.set_training_mode(False)
    finally:
        envs.close()
    return Trained(agent, protocol_state, timesteps)


_Learned = tuple[dict[str, dict[str, Any]], dict[str, NDArray[Any]], int]
"""The agent's modules and tensors by name, the protocol's state, the timesteps behind them."""


def _newest(record: RunRecord) -> _Learned | None:
    for directory in checkpoint_directories(record.checkpoints_directory):
        try:
            checkpoint = open_checkpoint(directory)
            agent = checkpoint.training()["agent"]
            learned = {"modules": _acting(agent["modules"]), "tensors": agent["tensors"]}
            return learned, checkpoint.environments().get("protocol", {}), checkpoint.timesteps
        except (CheckpointDamaged, OSError):  # damaged, or replaced by its run meanwhile
            continue
    return None


def _final(record: RunRecord) -> _Learned:
    if not record.model_file.exists():
        raise RecordError(f"{record.directory}: no intact checkpoint and no {record.model_file.name} yet")
    try:
        with zipfile.ZipFile(record.model_file) as archive:
            archive.getinfo("policy.pth")
            saved = {
                name.removesuffix(".pth"): torch.load(
                    io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True
                )
                for name in _acting(dict.fromkeys(archive.namelist()))
                if name.endswith(".pth")
            }
        learned = {"tensors": saved.pop("pytorch_variables", None) or {}, "modules": saved}
        with np.load(record.protocol_state_file, allow_pickle=False) as arrays:
            return learned, dict(arrays), int(record.status()["timesteps"])
    except (zipfile.BadZipFile, KeyError, RuntimeError, ValueError, OSError) as error:
        raise RecordError(f"{record.directory}: the final model is damaged ({error})") from None


def _acting(modules: dict[str, Any]) -> dict[str, Any]:
    return {name: module for name, module in modules.items() if "optimizer" not in name}
