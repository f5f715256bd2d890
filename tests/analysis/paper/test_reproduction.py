"""From run directories to verdicts, tables and figures."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from analysis.paper.claims import all_claims
from analysis.paper.claims_table import claims_table, paper_table_beside
from analysis.paper.figures import FIGURES
from analysis.paper.reproduction import claims_on, reproduce, sweep_name
from analysis.paper.verdicts import Verdict

TASKS = (
    "Ant",
    "HalfCheetah",
    "Hopper",
    "InvertedDoublePendulum",
    "InvertedPendulum",
    "Reacher",
    "Swimmer",
    "Walker2d",
)


def figure3(runs: Any, better_on: int, n_timesteps: int = 1_000_000, sweep: str = "mujoco8") -> None:
    """ACKTR at about 20 on the first tasks and at about 5 on the others, A2C and TRPO at 10; 5 seeds."""
    for index, task in enumerate(TASKS):
        for agent in ("acktr", "a2c", "trpo"):
            level = 10.0 if agent != "acktr" else 20.0 if index < better_on else 5.0
            for seed in range(5):
                runs.add(
                    [level + 0.1 * seed] * 20,
                    sweep=sweep,
                    agent=agent,
                    env_id=f"{task}-v5",
                    seed=seed,
                    length=n_timesteps // 20,
                    n_timesteps=n_timesteps,
                )


def verdicts(runs: Any, *names: str, **options: Any) -> dict[str, Verdict]:
    return {verdict.claim.id: verdict for verdict in reproduce(runs.root, names, **options).verdicts}


def test_without_runs_nothing_is_run(tmp_path: Path) -> None:
    found = reproduce(tmp_path / "none")
    assert {verdict.outcome for verdict in found.verdicts} == {"not run"}
    assert len(found.verdicts) == len(all_claims())
    assert found.settings == {}


def test_claims_that_sweeps_speak_about_whether_named_or_given_by_path(runs: Any, tmp_path: Path) -> None:
    figure3(runs, better_on=6, sweep="mujoco8-short")
    figure3(runs, better_on=6, sweep="other")
    by_name = claims_on(runs.root, ["mujoco8-short", "other"])
    assert by_name is not None
    by_path = claims_on(runs.root, [f"{runs.root}/mujoco8-short/"])
    assert by_path is not None
    assert by_path.rows == by_name.rows
    assert claims_on(runs.root, ["other"]) is None
    (tmp_path / "elsewhere").mkdir()
    assert claims_on(tmp_path / "elsewhere", [f"{runs.root}/mujoco8-short"]) is None


def test_figure_3_reproduced(runs: Any) -> None:
    figure3(runs, better_on=6)
    found = verdicts(runs, "figure3")
    assert found["fig3-six-of-eight"].outcome == "reproduced"
    assert found["fig3-six-of-eight"].why == "holds on 6 of 8, fails on 2, 6 asked for"
    assert found["fig3-better-than-a2c-hopper"].outcome == "reproduced"
    assert found["fig3-competitive-on-two"].outcome == "contradicted"


def test_figure_3_contradicted(runs: Any) -> None:
    figure3(runs, better_on=5)
    assert verdicts(runs, "fig3-six-of-eight")["fig3-six-of-eight"].outcome == "contradicted"


def test_the_same_results_at_a_tenth_of_the_budget_decide_nothing(runs: Any) -> None:
    figure3(runs, better_on=6, n_timesteps=100_000, sweep="mujoco8-smoke")
    found = verdicts(runs, tier="smoke")
    outcomes = {verdict.outcome for verdict in found.values()}
    assert outcomes == {"inconclusive", "not run"}
    assert {name for name, verdict in found.items() if verdict.outcome == "inconclusive"} == {
        claim.id for claim in all_claims() if "mujoco8" in (claim.sweep, *claim.beside)
    }
    assert "needs 1M timesteps, has 100k" in found["fig3-six-of-eight"].why
    assert verdicts(runs, "fig3-six-of-eight")["fig3-six-of-eight"].outcome == "not run"  # of the full budget


def test_tiers_have_their_own_sweeps() -> None:
    assert sweep_name("kl", "paper") == "kl"
    assert sweep_name("kl", "short") == "kl-short"


def test_a_table_beside_the_papers(runs: Any) -> None:
    for agent, score in (("acktr", 19.0), ("acktr-paper", -20.0)):
        for seed in range(5):
            runs.add(
                [score + 0.1 * seed] * 200,
                sweep="atari6_50m",
                agent=agent,
                seed=seed,
                length=250_000,
                n_timesteps=50_000_000,
            )
    found = reproduce(runs.root, ["table1"])
    table = paper_table_beside("table1", found.every_form)
    assert table is not None
    rows = {(row["claim"], row["agents"]): row for row in table.records()}
    assert rows["table1-acktr-pong", "acktr"]["verdict"] == "reproduced"
    assert rows["table1-acktr-pong", "acktr-paper"]["verdict"] == "contradicted"
    assert rows["table1-acktr-pong", "acktr"]["paper"] == 20.9
    assert rows["table1-acktr-pong", "acktr"]["measured"] == pytest.approx(19.2)
    assert rows["table1-acktr-pong-episode", "acktr"]["verdict"] == "contradicted"  # N is 1, the paper's 904
    assert rows["table1-acktr-pong-episode", "acktr-paper"]["measured"] is None
    assert rows["table1-a2c-pong", "a2c"]["verdict"] == "not run"
    assert not any(str(row["claim"]).startswith("table1-episodes-ratio") for row in table.records())
    by_the_text = {v.claim.id: v for v in reproduce(runs.root, ["table1"], form="paper").verdicts}
    assert by_the_text["table1-acktr-pong"].outcome == "contradicted"


def test_five_measurements_decide_table_3(runs: Any) -> None:
    for algo, speed in (("a2c", 1_000.0), ("acktr", 735.0), ("trpo", 900.0)):
        for seed in range(5):
            runs.add(
                [1.0],
                sweep="throughput",
                agent=f"{algo}-large",
                algo=algo,
                env_id="BreakoutNoFrameskip-v4",
                seed=seed,
                n_timesteps=102_400,
                steps_per_second=speed + seed,
                hyperparameters={"n_envs": 32, "n_steps": 20},
            )
    found = verdicts(runs, "table3")
    assert found["table3-ratio-acktr-atari-640"].outcome == "reproduced"
    assert found["table3-ratio-trpo-atari-640"].outcome == "contradicted"  # 0.15 in the paper
    assert found["table3-at-most-25-percent-atari-640"].outcome == "contradicted"
    assert found["table3-ratio-acktr-atari-80"].outcome == "not run"
    assert found["table3-acktr-atari-640"].outcome == "inconclusive"
    assert "the paper's machine is another" in found["table3-acktr-atari-640"].why


def test_the_claims_table_renders(runs: Any) -> None:
    figure3(runs, better_on=6)
    found = reproduce(runs.root)
    table = claims_table(found.verdicts)
    assert [row["claim"] for row in table.records()] == [claim.id for claim in all_claims()]
    rows = json.loads(table.to_json())
    one = next(row for row in rows if row["claim"] == "fig3-better-than-trpo-ant")
    assert (one["verdict"], one["agents"], one["claimed_low"], one["seeds"]) == (
        "reproduced",
        "acktr trpo",
        0.0,
        5,
    )
    assert one["measured_low"] < one["measured"] == pytest.approx(10.0)
    outcomes = [row["verdict"] for row in rows]
    assert table.notes[0].startswith(f"{outcomes.count('reproduced')} reproduced, ")
    assert table.notes[0].endswith(f" {outcomes.count('not run')} not run")
    assert "| fig3-six-of-eight |" in table.to_markdown()
    assert any("21,500.3" in note for note in table.notes)


def test_what_is_written(runs: Any, tmp_path: Path) -> None:
    for seed in range(2):
        run = runs.add([1.0] * 2, sweep="kl", agent="acktr-paper", env_id="Reacher-v5", seed=seed)
        (run / "progress.csv").write_text(
            "train/n_updates,train/kl_exact,train/kl_predicted\n1,0.001,0.001\n"
        )
    out = tmp_path / "out"
    paths = reproduce(runs.root, ["figure3", "table3", "figure9"]).write(out)
    names = {path.name for path in paths}
    assert {"claims.csv", "claims.md", "table3.csv", "table3.md", "figure9.svg", "figure9.png"} <= names
    assert not any(name.startswith("figure3") for name in names)  # has no run
    page = (out / "figures.md").read_text(encoding="utf-8")
    assert FIGURES["figure9"].caption in page
    assert FIGURES["figure3"].caption not in page
    shown = set(re.findall(r"!\[[\w-]+\]\(([\w.-]+)\)", page))
    assert shown == {name for name in names if name.endswith(".png")}
    assert {path.name for path in out.iterdir()} == names
    with (out / "claims.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["verdict"] for row in rows if row["claim"].startswith("fig3")} == {"not run"}
    assert {row["verdict"] for row in rows if row["claim"].startswith("fig9")} == {"inconclusive"}


def test_damaged_and_empty_sweeps_are_told(runs: Any) -> None:
    (runs.root / "kl").mkdir(parents=True)
    figure3(runs, better_on=6)
    (next((runs.root / "mujoco8").rglob("run.json"))).write_text("{")
    found = reproduce(runs.root, ["figure3", "figure9"])
    assert len(found.warnings) == 2
    assert any("sweep without runs" in warning for warning in found.warnings)
    assert any("run.json" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("artefact", "sweep", "seeds"), [("table1", "atari6_50m", 2), ("table4", "atari44", 1)]
)
def test_with_the_papers_seeds_a_cell_says_how_many_would_decide_it(
    runs: Any, artefact: str, sweep: str, seeds: int
) -> None:
    def add(until: int, start: int = 0) -> None:
        for seed in range(start, until):
            budget = {"length": 100_000, "n_timesteps": 50_000_000}
            env_id = "PongNoFrameskip-v4"
            runs.add(
                [20.0 + 0.1 * seed] * 500, sweep=sweep, agent="acktr", env_id=env_id, seed=seed, **budget
            )

    def scores() -> list[Verdict]:
        found = verdicts(runs, artefact).values()
        return [v for v in found if v.claim.kind == "value" and v.claim.statistic == "last_100" and v.seeds]

    add(seeds)
    assert scores()
    assert {(v.outcome, v.why) for v in scores()} == {
        ("inconclusive", f"needs at least 5 seeds, has {seeds}: --set seeds=5")
    }
    add(5, seeds)
    assert "inconclusive" not in {v.outcome for v in scores()}
