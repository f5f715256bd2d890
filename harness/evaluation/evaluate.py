"""The evaluation protocol: which parameters, which seeds, which rules, and how often."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import set_random_seed

from algos.registry import get_agent
from harness.envs.make import make_vec_env
from harness.envs.protocol import AtariProtocol, Protocol
from harness.evaluation.play import play_episodes, samples_actions
from harness.evaluation.record import Evaluation
from harness.evaluation.video import check_video, write_video
from harness.provenance import provenance
from harness.records import RecordError, RunRecord
from harness.runner.checkpoint import CheckpointRefused
from harness.runner.trained import load_for_evaluation
from harness.spec import MAX_SEED, RunSpec, SpecError

MAX_ENVS = 8
NOOP_STARTS = 30


@dataclass(frozen=True)
class Settings:
    """How to evaluate.

    Attributes:
        n_episodes: whole episodes to play, 1 or more.
        deterministic: the policy's mode rather than a sample; ``None`` samples where the agent does.
        seed: of the evaluation, 0 or more.
        video: film the first episode into this ``.mp4``.
        device: where the policy is computed.
    """

    n_episodes: int = 30
    deterministic: bool | None = None
    seed: int = 0
    video: Path | None = None
    device: str = "cpu"


def evaluation_protocol(protocol: Protocol) -> Protocol:
    """The run's protocol with up to 30 no-op starts under ``atari``, whatever the training had.

    Statistics are frozen. ``atari-sticky`` keeps its sticky actions, which take the place of no-op starts.
    """
    if isinstance(protocol, AtariProtocol):
        return protocol.model_copy(update={"noop_max": NOOP_STARTS})
    return protocol


def evaluation_seed(seed: int) -> int:
    """The run seed of an evaluation's environments: above every seed that a training run can have."""
    return MAX_SEED + 1 + seed


def evaluate(record: RunRecord, settings: Settings) -> Evaluation:
    """Play episodes with the run's newest parameters; nothing is written but the video.

    Normalisation statistics are those of the training and stay as they are. Returns are raw, of whole games.

    Raises:
        RecordError: no run directory, or one that has no parameters yet, or damaged ones.
        SpecError: samples were asked for, of an agent that gives none.
        harness.evaluation.video.VideoError: the video cannot be made; found out before anything is played.
        EnvironmentFault: the environment cannot be rendered, or produced what is not finite.
    """
    spec = _spec(record)
    protocol = evaluation_protocol(spec.protocol)
    if settings.video is not None:
        check_video(settings.video, spec.env_id, protocol)
    try:
        trained = load_for_evaluation(record, settings.device)
    except CheckpointRefused as error:
        raise RecordError(str(error)) from None
    deterministic = _deterministic(trained.agent, spec.algo, settings.deterministic)
    run_seed = evaluation_seed(settings.seed)
    n_envs = min(settings.n_episodes, MAX_ENVS)
    venv = make_vec_env(spec.env_id, protocol, n_envs, run_seed, training=False)
    try:
        venv.load_protocol_state(trained.protocol_state)
        set_random_seed(int(np.random.SeedSequence(run_seed).generate_state(1)[0]))
        played = play_episodes(
            trained.agent, venv, run_seed, settings.n_episodes, deterministic=deterministic
        )
    finally:
        venv.close()
    if settings.video is not None:
        write_video(settings.video, spec.env_id, protocol, run_seed, played)
    return Evaluation(
        env_id=spec.env_id,
        timesteps=trained.timesteps,
        parameters=_digest(trained.agent),
        protocol=protocol.model_dump(mode="json"),
        actions="deterministic" if deterministic else "sampled",
        seed=settings.seed,
        n_envs=n_envs,
        episodes=played.episodes,
        provenance=provenance(get_agent(spec.algo).sources),
    )


def _spec(record: RunRecord) -> RunSpec:
    if not record.run_file.is_file():
        raise RecordError(
            f"{record.directory}: no run directory (it has no {record.run_file.name}); "
            "expected one as in runs/<sweep>/…/seed-0"
        )
    spec = record.spec
    if isinstance(protocol := spec.get("protocol"), dict) and protocol.get("name") == "imported":
        raise RecordError(f"{record.directory}: was imported, so that there is no agent to evaluate")
    try:
        return RunSpec.model_validate(spec)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, ("spec", *first["loc"])))
        raise RecordError(f"{record.run_file}: {place}: {first['msg']}") from None


def _deterministic(agent: BaseAlgorithm, algo: str, asked: bool | None) -> bool:
    sampling = samples_actions(agent)
    if asked is False and not sampling:
        raise SpecError(f"--sampled: agent {algo} has no actions to sample; expected --deterministic")
    return not sampling if asked is None else asked


def _digest(agent: BaseAlgorithm) -> str:
    digest = hashlib.sha256()
    for name, tensor in agent.policy.state_dict().items():
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(name.encode() + content.numpy().tobytes())
    return digest.hexdigest()
