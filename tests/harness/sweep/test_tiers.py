"""Tiers of a sweep's file: what they replace, keep and merge, and how mistakes in them are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.spec import SpecError
from harness.sweep.expand import Sweep, load_sweep

Load = Callable[..., Sweep]
FILE = """\
n_timesteps: 50_000
seeds: 4
device: cpu
envs:
  Pong: {hyperparameters: {gamma: 0.9}}
  Hopper: {n_timesteps: 70_000}
algos:
  literal: {algo: acktr, preset: paper, hyperparameters: {kfac_kwargs: {damping: 0.5, momentum: 0.25}}}
  acktr: {grid: {gae_lambda: [0.7, 0.8]}, envs: {Hopper-v5: {n_timesteps: 90_000}}}
  a2c:
tiers:
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """``load(tiers, tier)``: the file above with these lines under ``tiers``, at that tier."""

    def load(tiers: str, tier: str | None = "t", *assignments: str) -> Sweep:
        path = tmp_path / "x.yaml"
        path.write_text(FILE + "".join(f"  {line}\n" for line in tiers.splitlines()))
        return load_sweep(path, assignments, tier)

    return load


def rows(sweep: Sweep) -> list[tuple[str, str, int, int]]:
    return [(run.label, run.env_id, run.n_timesteps, run.seed) for run in sweep.runs]


def test_without_a_tier_the_file_is_as_it_stands(load: Load) -> None:
    plain = load("t: {seeds: 1}", None)
    assert plain == load("t: {seeds: 1}", "paper") == load("", None)
    assert plain.name == "x"
    assert len(plain.runs) == 2 * (1 + 2 + 1) * 4


def test_a_tier_replaces_keys_and_has_a_name_of_its_own(load: Load) -> None:
    sweep = load("t: {n_timesteps: 2e3, seeds: [7], device: cuda, description: small}")
    assert (sweep.name, sweep.device, sweep.description) == ("x-t", "cuda", "small")
    assert {run.seed for run in sweep.runs} == {7}
    pong = [run for run in sweep.runs if run.env_id.startswith("Pong")]
    assert {run.n_timesteps for run in pong} == {2000}


def test_an_empty_tier_changes_the_name_alone(load: Load) -> None:
    for written in ("t:", "t: {}"):
        assert (load(written).name, load(written).runs) == ("x-t", load(written, None).runs)


def test_a_list_selects_and_keeps_the_blocks(load: Load) -> None:
    sweep = load("t: {seeds: 1, envs: [Pong], algos: [acktr, literal]}")
    assert [(run.label, run.algo) for run in sweep.runs] == [
        ("acktr", "acktr"),
        ("acktr", "acktr"),
        ("literal", "acktr"),
    ]
    assert [run.hyperparameters["gae_lambda"] for run in sweep.runs[:2]] == [0.7, 0.8]
    assert {run.hyperparameters["gamma"] for run in sweep.runs} == {0.9}


def test_a_list_selects_from_a_list(tmp_path: Path) -> None:
    path = tmp_path / "y.yaml"
    path.write_text(
        "n_timesteps: 10\nseeds: 1\nenvs: [Pong, Hopper]\nalgos: [acktr, a2c]\ntiers: {t: {algos: [a2c]}}\n"
    )
    assert [run.label for run in load_sweep(path, tier="t").runs] == ["a2c", "a2c"]


def test_a_mapping_selects_merges_and_adds(load: Load) -> None:
    sweep = load(
        "t:\n  seeds: 1\n  envs: {Hopper: {hyperparameters: {gamma: 0.8}}, Walker2d-v5: {n_timesteps: 500}}\n"
        "  algos:\n    literal: {hyperparameters: {n_steps: 100, kfac_kwargs: {momentum: 0.1}}}\n    trpo:\n"
    )
    assert rows(sweep) == [
        ("literal", "Hopper-v5", 70_000, 0),
        ("trpo", "Hopper-v5", 70_000, 0),
        ("literal", "Walker2d-v5", 500, 0),
        ("trpo", "Walker2d-v5", 500, 0),
    ]
    merged = sweep.runs[0].hyperparameters
    assert (merged["n_steps"], merged["gamma"]) == (100, 0.8)
    assert (merged["kfac_kwargs"]["damping"], merged["kfac_kwargs"]["momentum"]) == (0.5, 0.1)


def test_schedules_and_critics_of_another_norm_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "y.yaml"
    path.write_text(
        "n_timesteps: 10\nseeds: 1\nenvs: [Hopper]\nalgos:\n  acktr: {hyperparameters: "
        "{delta: {linear: [0.1, 0.01]}, critic_kwargs: {norm: gauss_newton, step_rule: gauss_newton}}}\n"
        "tiers:\n  t:\n    algos:\n      acktr: {hyperparameters: "
        "{delta: {quadratic: [0.2, 0.01]}, critic_kwargs: {norm: euclidean, learning_rate: 0.1}}}\n"
    )
    (run,) = load_sweep(path, tier="t").runs
    assert run.hyperparameters["delta"] == {"quadratic": [0.2, 0.01]}
    assert run.hyperparameters["critic_kwargs"]["norm"] == "euclidean"


def test_blocks_of_environments_left_out_go_with_them(load: Load) -> None:
    assert {run.env_id for run in load("t: {envs: [Pong]}").runs} == {"PongNoFrameskip-v4"}
    kept = [run.n_timesteps for run in load("t: {envs: [Hopper], algos: [acktr]}").runs]
    assert set(kept) == {90_000}


def test_assignments_come_after_the_tier(load: Load) -> None:
    tier = "t: {seeds: 2, envs: [Pong], algos: {a2c: {n_timesteps: 100}}}"
    assert rows(load(tier, "t", "seeds=[9]", "algos.a2c.n_timesteps=50")) == [
        ("a2c", "PongNoFrameskip-v4", 50, 9)
    ]
    assert load(tier, "t", "name=other").name == "other"


def test_null_takes_a_key_away(tmp_path: Path) -> None:
    path = tmp_path / "y.yaml"
    path.write_text(
        "n_timesteps: 10\nseeds: 1\nenvs: [Pong]\nalgos: [a2c]\ngrid: {gamma: [0.9, 0.8]}\n"
        "tiers: {t: {grid: }}\n"
    )
    assert (len(load_sweep(path).runs), len(load_sweep(path, tier="t").runs)) == (2, 1)


@pytest.mark.parametrize(
    ("tiers", "tier", "message"),
    [
        (
            "shrt: {}\nsmoke: {}",
            "short",
            "--tier short: expected one of paper, shrt, smoke; did you mean 'shrt'?",
        ),
        ("", "short", "x.yaml: --tier short: expected paper, since the file has no tiers"),
        ("paper: {seeds: 1}", None, "x.yaml:11: tiers: expected other names than 'paper'"),
        ("paper: {seeds: 1}", "paper", "x.yaml:11: tiers: expected other names than 'paper'"),
        ("t: [1]", "t", "x.yaml:12: tiers.t: expected a mapping, got [1]"),
        ("a/b: {}", None, "x.yaml:11: tiers: expected names of letters, digits"),
        ("t: {name: y}", "t", "x.yaml:12: tiers.t.name: unknown key"),
        ("t: {sedes: 1}", None, "x.yaml:12: tiers.t.sedes: unknown key; did you mean 'seeds'?"),
        ("t: {tiers: {}}", "t", "x.yaml:12: tiers.t.tiers: unknown key"),
        ("t: {seeds: 0}", None, "x.yaml:12: tiers.t.seeds: expected a number > 0, got 0"),
        ("t: {seeds: 0}", "t", "x.yaml:12: tiers.t.seeds: expected a number > 0, got 0"),
        ("t: {n_timesteps: }", "t", "x.yaml:12: tiers.t.n_timesteps: expected a whole number, got null"),
        ("t: {envs: []}", "t", "x.yaml:12: tiers.t.envs: expected at least 1 entry"),
        (
            "t: {envs: [Pog]}",
            "t",
            "x.yaml:12: tiers.t.envs.0: 'Pog' is none of the file's envs; expected some of ",
        ),
        ("t: {envs: [Pong, Pong]}", "t", "x.yaml:12: tiers.t.envs: expected each once, got 'Pong' twice"),
        (
            "t:\n  algos: [a2c, literl]",
            "t",
            "x.yaml:13: tiers.t.algos.1: 'literl' is none of the file's algos",
        ),
        ("t:\n  algos:\n    trpoo:", "t", "x.yaml:14: tiers.t.algos.trpoo: unknown agent 'trpoo'"),
        (
            "t:\n  algos:\n    literal: {hyperparameters: {kfac_kwargs: {damping: -1}}}",
            "t",
            "x.yaml:14: tiers.t.algos.literal.hyperparameters.kfac_kwargs.damping: expected a number > 0",
        ),
        (
            "t: {envs: [Pong], algos: {acktr: {envs: {Hopper: {n_timesteps: 5}}}}}",
            "t",
            "x.yaml:12: tiers.t.algos.acktr.envs.Hopper: is none of this sweep's envs",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(load: Load, tiers: str, tier: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(tiers, tier)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_of_the_file_keeps_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(FILE.replace("damping: 0.5", "damping: 0") + "  t: {seeds: 1, algos: [literal]}\n")
    with pytest.raises(
        SpecError, match=r"x\.yaml:8: algos\.literal\.hyperparameters\.kfac_kwargs\.damping: "
    ):
        load_sweep(path, tier="t")


def test_an_assignment_into_a_tier_is_told_as_such(load: Load) -> None:
    with pytest.raises(SpecError, match=r"^--set algos\.a2c\.n_timesteps: expected a number > 0, got -1"):
        load("t: {algos: {a2c: {n_timesteps: 5}}}", "t", "algos.a2c.n_timesteps=-1")
    with pytest.raises(SpecError, match=r"^--set tiers\.t\.seeds: expected a key of the sweep"):
        load("t: {seeds: 3}", "t", "tiers.t.seeds=1")


def test_the_command_takes_a_tier(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(FILE + "  t: {seeds: 1, envs: [Pong], algos: [a2c]}\n")
    options = ["--dry-run", "--runs-dir", str(tmp_path / "runs")]
    done = CliRunner().invoke(app, ["sweep", str(path), "--tier", "t", *options])
    assert done.exit_code == 0
    assert f"{tmp_path}/runs/x-t/a2c/PongNoFrameskip-v4/" in done.stdout
    assert "1 run:" in done.stdout
    refused = CliRunner().invoke(app, ["sweep", str(path), "--tier", "u", *options])
    assert refused.exit_code == 2
    assert refused.stderr == f"harness: {path}: --tier u: expected one of paper, t\n"
    assert not (tmp_path / "runs").exists()
