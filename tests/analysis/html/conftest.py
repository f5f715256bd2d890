"""A sweep with everything that a page must cope with, written by the code that writes real runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.html import html_report
from analysis.report import Report, report
from analysis.tables import Column, Entry, Table
from harness.evaluation.record import EvaluatedEpisode, Evaluation
from harness.records import EpisodeLog, RunRecord, run_directory

HOSTILE = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">&amp;\'"</pre>'
SECRET = "sk-very-secret"
PROVENANCE: dict[str, Any] = {
    "command": ["harness/runner", "--wandb-token", SECRET, "--device", "cpu"],
    "python": "3.11.7",
    "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
    "git": {"commit": "e18f42dc7adcf3e4d41b8cb888b606685e897902", "dirty_digest": "abcd"},
    "agent_digest": "cadbe59d29d1dd2f",
    "cpu": "a processor",
    "cpu_count": 2,
    "environment": {"WANDB_API_KEY": SECRET, "HF_TOKEN": SECRET, "OMP_NUM_THREADS": "1"},
}


def write_run(
    root: Path,
    returns: Sequence[float],
    *,
    agent: str,
    env_id: str = "BreakoutNoFrameskip-v4",
    seed: int = 0,
    identity: str = "aaaaaaaa",
    sweep: str = "sweep",
    state: Any = "done",
    error: str | None = None,
    log: str = "",
    hyperparameters: dict[str, Any] | None = None,
    steps_per_second: float = 500.0,
) -> RunRecord:
    """One run whose episodes take 10 timesteps each."""
    place = re.sub(r"\W+", "-", agent)[:20]
    record = RunRecord(run_directory(root, sweep, place, env_id, identity, seed))
    n_timesteps = 10 * len(returns) if state == "done" else 20 * len(returns)
    spec = {
        "algo": "acktr",
        "label": agent,
        "env_id": env_id,
        "protocol": {"name": "gym", "version": 1},
        "n_timesteps": n_timesteps,
        "hyperparameters": {"n_envs": 2, "n_steps": 5, **(hyperparameters or {})},
        "seed": seed,
    }
    record.create(spec, sweep)
    record.begin_attempt(PROVENANCE, device="cpu")
    episodes = EpisodeLog(record.episodes_file)
    for number, value in enumerate(returns, start=1):
        episodes.append(
            timestep=10 * number, env_index=0, episode_return=float(value), length=10, wall_time=number
        )
    episodes.close()
    fields = {"n_timesteps": n_timesteps, "steps_per_second": steps_per_second, "error": error}
    record.set_status(state, timesteps=10 * len(returns), **fields)
    record.log_file.write_text(log or "all is well\n", encoding="utf-8")
    return record


def rising(scale: float) -> list[float]:
    return [scale * number / 10 for number in range(150)]


@pytest.fixture(scope="session")
def writer() -> Any:
    """:func:`write_run`, for tests that need a sweep of their own."""
    return write_run


@pytest.fixture(scope="session")
def runs_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page") / "runs"
    for seed in (0, 1, 2):
        for number, env_id in enumerate(("BreakoutNoFrameskip-v4", "Hopper-v5"), start=1):
            write_run(root, rising(number * (3 + seed)), agent="a2c", env_id=env_id, seed=seed)
            for delta in (0.001, 0.01):
                write_run(
                    root,
                    rising(number * (5 + seed) + 100 * delta),
                    agent="acktr",
                    env_id=env_id,
                    seed=seed,
                    identity=f"{delta:.6f}",
                    hyperparameters={"delta": delta, "api_key": SECRET},
                    steps_per_second=400.0 + seed,
                )
    write_run(
        root,
        rising(2),
        agent=HOSTILE,
        state="failed",
        error=f"ValueError: {HOSTILE} token={SECRET}",
        log=f"WANDB_API_KEY={SECRET}\n\x1b[31m{HOSTILE}\x1b[0m\n",
        hyperparameters={"note": HOSTILE},
    )
    write_run(root, rising(1), agent="trpo", state="running")
    damaged = write_run(root, rising(1), agent="trpo", seed=1)
    damaged.episodes_file.write_text(damaged.episodes_file.read_text()[:-4])
    write_run(root, [], agent="trpo", seed=2, state="pending")
    episodes = tuple(EvaluatedEpisode(0, n, n, 10.0 * n, 100) for n in (1, 2, 3))
    first = RunRecord(run_directory(root, "sweep", "a2c", "Hopper-v5", "aaaaaaaa", 0))
    Evaluation("Hopper-v5", 1500, "p", {"name": "gym"}, "sampled", 7, 1, episodes, {}).write(first)
    return root


@pytest.fixture(scope="session")
def content(runs_root: Path) -> Report:
    return report(runs_root, ["sweep"])


@pytest.fixture(scope="session")
def claims() -> Table:
    return Table(
        "Claims",
        (Column("Claim", "left"), Column("Measured")),
        ((Entry(HOSTILE, {"claim": "c"}), Entry("1.0", {"measured": 1.0})),),
    )


@pytest.fixture(scope="session")
def page(content: Report, claims: Table) -> str:
    return html_report(content, extra_sections={"claims": claims})
