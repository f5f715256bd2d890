"""The committed sweep files: they load in every tier, and hold the paper's experiments."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.envs.names import atari_games
from harness.envs.reference import human_level
from harness.spec import RunSpec
from harness.sweep.expand import Sweep, load_sweep

SWEEPS = {path.stem: path for path in sorted((Path(__file__).resolve().parents[1] / "sweeps").glob("*.yaml"))}
M = 1_000_000
FORMS = {"acktr-paper", "acktr"}
GAMES = {"BeamRider", "Breakout", "Pong", "Qbert", "Seaquest", "SpaceInvaders"}
TASKS = {
    "Ant",
    "HalfCheetah",
    "Hopper",
    "InvertedDoublePendulum",
    "InvertedPendulum",
    "Reacher",
    "Swimmer",
    "Walker2d",
}
RUNS = {
    "atari44": (2, 3, 88),
    "atari6": (4, 18, 48),
    "atari6_50m": (3, 4, 36),
    "atlantis": (3, 4, 9),
    "batch_size": (6, 8, 18),
    "critic_norm": (10, 18, 30),
    "gauss_newton": (8, 18, 168),
    "grid_atari": (2, 8, 12),
    "grid_mujoco": (2, 18, 54),
    "kl": (4, 20, 20),
    "mujoco8": (8, 45, 96),
    "mujoco8_30m": (4, 48, 256),
    "openai_baselines": (5, 36, 105),
    "pixels3": (3, 2, 27),
    "throughput": (9, 90, 90),
}
"""Runs of the tiers smoke, short and paper."""
MOST_SMOKE_RUNS = 75
"""Of all files together: their smoke tiers run on every change."""


@cache
def sweep(name: str, tier: str | None = None) -> Sweep:
    return load_sweep(SWEEPS[name], tier=tier)


def batch_of(run: RunSpec) -> int:
    return int(run.hyperparameters["n_envs"]) * int(run.hyperparameters["n_steps"])


def short(env_id: str) -> str:
    return re.sub("(NoFrameskip-v4|-v5)$", "", env_id)


def cells(name: str, tier: str | None = None) -> dict[tuple[str, str], list[RunSpec]]:
    """(label, environment) to the runs of its seeds."""
    found: dict[tuple[str, str], list[RunSpec]] = {}
    for run in sweep(name, tier).runs:
        found.setdefault((run.label, short(run.env_id)), []).append(run)
    return found


def labels(name: str, tier: str | None = None) -> set[str]:
    return {run.label for run in sweep(name, tier).runs}


def envs(name: str, tier: str | None = None) -> set[str]:
    return {short(run.env_id) for run in sweep(name, tier).runs}


def budgets(name: str, tier: str | None = None) -> set[int]:
    return {run.n_timesteps for run in sweep(name, tier).runs}


def n_seeds(name: str, tier: str | None = None) -> set[int]:
    return set(Counter((run.label, run.env_id, run.identity) for run in sweep(name, tier).runs).values())


def batches(name: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for run in sweep(name).runs:
        found.setdefault(run.label, set()).add(batch_of(run))
    return found


def without(run: RunSpec, *keys: str) -> dict[str, Any]:
    return {key: value for key, value in run.hyperparameters.items() if key not in keys}


@pytest.mark.parametrize("name", SWEEPS)
def test_every_sweep_loads_and_says_what_it_is(name: str) -> None:
    assert sweep(name).name == name
    assert sweep(name).description
    assert sweep(name).runs


def test_the_experiments_are_those_of_the_table_above() -> None:
    assert set(SWEEPS) - set(RUNS) == {"kfac_cost_atari", "kfac_cost_mujoco", "quickstart"}


@pytest.mark.parametrize("name", RUNS)
def test_every_experiment_has_its_tiers(name: str) -> None:
    tiers = [sweep(name, tier) for tier in ("smoke", "short", "paper")]
    assert tuple(len(tier.runs) for tier in tiers) == RUNS[name]
    assert [tier.name for tier in tiers] == [f"{name}-smoke", f"{name}-short", name]
    assert tiers[2] == sweep(name)


@pytest.mark.parametrize("name", RUNS)
def test_every_header_names_the_experiment_and_its_cost(name: str) -> None:
    header = SWEEPS[name].read_text(encoding="utf-8").partition("\ndescription:")[0]
    assert all(line.startswith("#") for line in header.splitlines())
    assert re.search(
        r"(Figure|Figures|Table|Appendix) [A-Z0-9].* of Wu et al\. \(2017\)|of Wu et al\. \(2017\), ", header
    )
    assert "# Cost: " in header


@pytest.mark.parametrize("name", RUNS)
def test_smoke_runs_every_label_for_a_few_updates(name: str) -> None:
    assert labels(name, "smoke") == labels(name)
    for run in sweep(name, "smoke").runs:
        assert run.n_timesteps <= 5_000
        assert run.n_timesteps >= 2 * batch_of(run), (run.label, run.env_id)


def test_smoke_is_small_in_all() -> None:
    assert sum(len(sweep(name, "smoke").runs) for name in RUNS) <= MOST_SMOKE_RUNS


@pytest.mark.parametrize("name", RUNS)
def test_short_is_within_the_budgets_of_two_cores(name: str) -> None:
    for run in sweep(name, "short").runs:
        assert run.n_timesteps <= (2 * M if run.protocol.name == "atari" else M)
        assert run.n_timesteps >= 20 * batch_of(run) or name == "throughput", (run.label, run.env_id)


def test_atari6_is_figure_1() -> None:
    assert envs("atari6") == GAMES
    assert batches("atari6") == {"acktr-paper": {640}, "acktr": {160}, "a2c": {80}, "trpo": {512}}
    assert (budgets("atari6"), n_seeds("atari6")) == ({10 * M}, {2})


def test_atari6_50m_is_table_1() -> None:
    assert envs("atari6_50m") == GAMES
    assert labels("atari6_50m") == {*FORMS, "a2c"}
    assert (budgets("atari6_50m"), n_seeds("atari6_50m")) == ({50 * M}, {2})
    shorter = {cell: runs[0].hyperparameters for cell, runs in cells("atari6").items()}
    assert all(shorter[cell] == runs[0].hyperparameters for cell, runs in cells("atari6_50m").items())


def test_atari44_is_table_4() -> None:
    of_the_table = {game for game in atari_games() if human_level(f"{game}NoFrameskip-v4", "wang2016")}
    assert len(of_the_table) == 44
    assert envs("atari44") == of_the_table
    assert labels("atari44") == FORMS
    assert (budgets("atari44"), n_seeds("atari44")) == ({50 * M}, {1})


def test_atlantis_is_figure_2() -> None:
    assert envs("atlantis") == {"Atlantis"}
    assert labels("atlantis") == {*FORMS, "a2c"}
    assert budgets("atlantis") == {50 * M}


@pytest.mark.parametrize(("name", "budget", "seeds"), [("mujoco8", M, 3), ("mujoco8_30m", 30 * M, 8)])
def test_mujoco8_is_figure_3_and_table_2(name: str, budget: int, seeds: int) -> None:
    assert envs(name) == TASKS
    of_the_paper = {"acktr-paper": {2500}, "a2c": {2500}, "trpo": {25_000}}
    assert {label: sizes for label, sizes in batches(name).items() if label != "acktr"} == of_the_paper
    assert labels(name) == {*of_the_paper, "acktr"}
    assert (budgets(name), n_seeds(name)) == ({budget}, {seeds})


def test_the_short_form_of_figure_3() -> None:
    assert envs("mujoco8", "short") == {"HalfCheetah", "Hopper", "InvertedDoublePendulum"}
    assert labels("mujoco8", "short") == {"acktr", "a2c", "trpo-2048"}
    assert budgets("mujoco8", "short") == {M}
    assert n_seeds("mujoco8", "short") == {5}  # as many as an interval of a difference takes
    by_label = {run.label: run for run in sweep("mujoco8", "short").runs}
    assert batch_of(by_label["trpo-2048"]) == 2048
    full = cells("mujoco8")["acktr", "Hopper"][0]
    assert cells("mujoco8", "short")["acktr", "Hopper"][0].identity == full.identity


def test_pixels3_is_figure_4() -> None:
    assert envs("pixels3") == {"HalfCheetah", "Reacher", "Walker2d"}
    assert batches("pixels3") == {"acktr-paper": {8000}, "acktr": {8000}, "a2c": {8000}}
    assert (budgets("pixels3"), n_seeds("pixels3")) == ({40 * M}, {3})
    for tier in ("smoke", "short", "paper"):
        assert {run.protocol.name for run in sweep("pixels3", tier).runs} == {"mujoco-pixels"}


def test_critic_norm_is_figure_5_a_and_b() -> None:
    assert labels("critic_norm") == {*FORMS, "acktr-paper-euclidean", "acktr-euclidean", "a2c"}
    found = cells("critic_norm")
    assert {(env, runs[0].n_timesteps) for (_, env), runs in found.items()} == {
        ("HalfCheetah", M),
        ("Breakout", 10 * M),
    }
    for env in ("HalfCheetah", "Breakout"):
        a2c = found["a2c", env][0].hyperparameters
        for form in FORMS:
            newton, euclidean = found[form, env][0], found[f"{form}-euclidean", env][0]
            joint = ("critic_sigma", "vf_coef") if env == "Breakout" else ()  # of a joint step alone
            assert without(newton, "critic_kwargs", *joint) == without(euclidean, "critic_kwargs", *joint)
            one, other = (run.hyperparameters["critic_kwargs"] for run in (newton, euclidean))
            assert (one["norm"], other["norm"]) == ("gauss_newton", "euclidean")
            assert one["n_updates"] == other["n_updates"]
            assert (other["learning_rate"], other["optimizer"]) == (a2c["learning_rate"], "rmsprop")


def test_batch_size_is_figure_5_c_and_d() -> None:
    assert envs("batch_size") == {"Breakout"}
    assert budgets("batch_size") == {10 * M}
    assert batches("batch_size") == {
        f"{agent}-{batch}": {batch} for agent in (*FORMS, "a2c") for batch in (160, 640)
    }
    for label in ("acktr-paper-640", "acktr-160"):
        theirs, here = cells("batch_size")[label, "Breakout"][0], cells("atari6")[label[:-4], "Breakout"][0]
        assert without(theirs, "n_envs", "n_steps") == without(here, "n_envs", "n_steps")


def test_openai_baselines_is_figure_6() -> None:
    assert envs("openai_baselines") == TASKS - {"Ant"}
    assert (budgets("openai_baselines"), n_seeds("openai_baselines")) == ({M}, {3})
    found = cells("openai_baselines")
    for agent in ("a2c", "trpo"):
        theirs, ours = found[f"{agent}-openai", "Hopper"][0], cells("mujoco8")[agent, "Hopper"][0]
        assert without(theirs, "policy_kwargs") == without(ours, "policy_kwargs")
        assert theirs.hyperparameters["policy_kwargs"]["value_activation"] == "tanh"
    assert found["acktr-released", "Hopper"][0].hyperparameters["target_kl"] == 0.002


def test_gauss_newton_is_figures_7_and_8() -> None:
    assert envs("gauss_newton") == GAMES | TASKS
    found = cells("gauss_newton")
    for (label, env), runs in found.items():
        assert [run.n_timesteps for run in runs] == [10 * M if env in GAMES else M] * 3
        sigma = runs[0].hyperparameters["critic_sigma"]
        assert sigma == ("adaptive" if label.endswith("-adaptive") else 1.0)
    for form in FORMS:
        vanilla, adaptive = found[form, "Ant"][0], found[f"{form}-adaptive", "Ant"][0]
        assert without(vanilla, "critic_sigma") == without(adaptive, "critic_sigma")
        assert vanilla.hyperparameters == cells("mujoco8")[form, "Ant"][0].hyperparameters


def test_kl_is_figure_9() -> None:
    assert envs("kl") == {"HalfCheetah", "Reacher"}
    for tier in ("smoke", "short", "paper"):
        assert {run.hyperparameters["kl_interval"] for run in sweep("kl", tier).runs} == {1}


def test_the_grids_are_those_of_the_appendix() -> None:
    atari, mujoco = sweep("grid_atari").runs, sweep("grid_mujoco").runs
    assert envs("grid_atari") == {"Breakout"}
    assert {run.hyperparameters["delta"] for run in atari + mujoco} == {0.001}
    steps = {tuple(run.hyperparameters["eta_max"]["linear"]) for run in atari}
    assert steps == {(0.7, 0.0), (0.2, 0.0), (0.07, 0.0), (0.02, 0.0)}
    assert envs("grid_mujoco") == {"Hopper", "Reacher"}
    pairs = {
        (run.hyperparameters["eta_max"], run.hyperparameters["critic_kwargs"]["eta_max"]) for run in mujoco
    }
    assert pairs == {(actor, critic) for actor in (0.3, 0.03, 0.003) for critic in (0.3, 0.03, 0.003)}


@pytest.mark.parametrize(("name", "tier"), [("atari6", None), ("atari6_50m", "paper"), ("atari44", "paper")])
def test_the_papers_one_or_two_seeds_become_five_that_decide(name: str, tier: str | None) -> None:
    """As the files' headers say: what is there counts, and only the other seeds are run."""
    assert "--set seeds=5" in SWEEPS[name].read_text(encoding="utf-8").split("description")[0]
    more = load_sweep(SWEEPS[name], ["seeds=5"], tier)
    assert more.name == name
    before, after = (
        {(run.label, run.env_id, run.identity, run.seed) for run in found.runs}
        for found in (sweep(name), more)
    )
    assert before < after
    assert {run[:3] for run in before} == {run[:3] for run in after}
    assert len(after) == 5 * len({run[:3] for run in before})


def test_quickstart_is_small() -> None:
    assert labels("quickstart") == {"acktr", "a2c", "trpo"}
    assert n_seeds("quickstart") == {2}
    assert sum(run.n_timesteps for run in sweep("quickstart").runs) < 500_000
