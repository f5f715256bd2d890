"""One run from its RunSpec, or from its newest checkpoint, to a finished run directory."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import closing
from typing import Any

import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import set_random_seed

from algos.registry import get_agent
from harness.envs.names import repeats_itself
from harness.provenance import provenance
from harness.records import RecordError, RunRecord
from harness.runner.build import build_agent, build_envs, torch_device
from harness.runner.checkpoint import Checkpoint, remove_newer
from harness.runner.exit_codes import ExitCode
from harness.runner.faults import judge
from harness.runner.lock import Locked, lock
from harness.runner.options import Options
from harness.runner.resume import Circumstances, choose_checkpoint
from harness.runner.session import OnPolicySession, Session
from harness.runner.stop import Preempted, StopFlag
from harness.spec import RunSpec, SpecError

WORKER_LOCK = ".worker.lock"


def run(record: RunRecord, stop: StopFlag, options: Options) -> ExitCode:
    """Train the run in ``record``, from its newest checkpoint if it has one; return the worker's exit code.

    Whatever happens, ``status.json`` says how it ended, with the traceback of an error on stderr; only when
    another worker holds the run, or its directory takes no lock, is nothing touched.
    """
    if not record.run_file.exists():
        print(f"{record.run_file}: no such file; expected a run directory", file=sys.stderr)
        return ExitCode.USAGE
    try:
        with lock(record.directory, f"run {record.directory}", WORKER_LOCK):
            return _run(record, stop, options)
    except Locked as error:
        print(error, file=sys.stderr)
        return ExitCode.BUSY
    except SpecError as error:  # the lock's file could not be written
        print(error, file=sys.stderr)
        return judge(error.__cause__ if isinstance(error.__cause__, OSError) else error)[0]


def _run(record: RunRecord, stop: StopFlag, options: Options) -> ExitCode:
    torch.set_num_threads(options.num_threads)
    spec = None
    try:
        spec = RunSpec.model_validate(record.spec)
        with closing(_begin(spec, record, options)) as session:
            session.train(stop)
        return ExitCode.DONE
    except (Exception, SystemExit) as error:  # an environment may call sys.exit
        if not isinstance(error, (Preempted, SpecError)):
            traceback.print_exc()
        code, line = judge(error, spec.env_id if spec else None)
        print(line, file=sys.stderr)
        _note_end(record, code, line, spec.n_timesteps if spec else 0)
        return code


def _begin(spec: RunSpec, record: RunRecord, options: Options) -> Session:
    """The run under way, at its start or brought back to its newest checkpoint; the attempt is recorded."""
    agent = get_agent(spec.algo)
    resumable = issubclass(agent.load(), OnPolicyAlgorithm)
    facts = provenance(agent.sources)
    device = torch_device(options.device)
    now = Circumstances.of(spec, facts, device, options.num_threads)
    checkpoint, warnings = _continue_from(record, now, options, resumable)
    repeats = repeats_itself(spec.env_id)
    if resumable and not repeats:
        warnings.append(f"{spec.env_id} is registered as nondeterministic: no resume of it is exact")
    attempt = record.begin_attempt(
        facts,
        resumed_at=checkpoint.timesteps if checkpoint else 0,
        warnings=warnings,
        exact_resume=resumable and repeats and device == "cpu",
        device=device,
        processor=now.processor,
        num_threads=options.num_threads,
    )
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if checkpoint is None:
        record.discard_results()
    else:
        remove_newer(record.checkpoints_directory, checkpoint.timesteps)
    record.set_status(
        "running",
        timesteps=checkpoint.timesteps if checkpoint else 0,
        n_timesteps=spec.n_timesteps,
        attempt=attempt,
        pid=os.getpid(),
    )
    set_random_seed(spec.seed, using_cuda=device != "cpu")
    envs = build_envs(spec, options.num_threads)
    try:
        built = build_agent(spec, envs, device)
        if not isinstance(built, OnPolicyAlgorithm):
            return Session(spec, record, envs, built, attempt, tensorboard=options.tensorboard)
        return OnPolicySession(
            spec,
            record,
            envs,
            built,
            attempt,
            checkpoint,
            now,
            options.checkpoint_seconds,
            tensorboard=options.tensorboard,
        )
    except BaseException:
        envs.close()
        raise


def _continue_from(
    record: RunRecord, now: Circumstances, options: Options, resumable: bool
) -> tuple[Checkpoint | None, list[str]]:
    """The checkpoint, if the run is to continue from one, and what the record should say about it."""
    before = bool(record.attempts)
    if options.fresh:
        return None, ["started again from zero, as was asked for"] if before else []
    if not resumable:
        why = "exact resume exists for on-policy agents only"
        return None, [f"started again from zero: {why}"] if before else []
    checkpoint, warnings = choose_checkpoint(record, now, options.allow_code_change)
    if checkpoint is None and before:
        warnings.append("started again from zero: the attempts before left no checkpoint")
    return checkpoint, warnings


def _note_end(record: RunRecord, code: ExitCode, line: str, n_timesteps: int) -> None:
    """Make ``status.json`` say how the run ended; a disk that takes nothing leaves it as it is."""
    try:
        known = record.status()
    except RecordError:
        known = {"timesteps": 0, "n_timesteps": n_timesteps}
    fields: dict[str, Any] = {k: v for k, v in known.items() if k not in ("state", "heartbeat", "error")}
    state = "preempted" if code is ExitCode.PREEMPTED else "failed"
    try:
        record.set_status(state, **fields, error=line)  # type: ignore[arg-type]
    except OSError as error:
        print(f"{record.status_file}: cannot be written: {error}", file=sys.stderr)
