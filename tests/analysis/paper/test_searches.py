"""Appendix A's searches, from runs to tables and maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analysis.paper.reproduction import reproduce

BREAKOUT = "BreakoutNoFrameskip-v4"


def search_runs(runs: Any, sweep: str, env_ids: tuple[str, ...], settings: list[dict[str, Any]]) -> None:
    """2 seeds of every setting, the later the better."""
    for number, hyperparameters in enumerate(settings):
        for env_id in env_ids:
            for seed in range(2):
                runs.add(
                    [float(10 * number + seed)] * 100,
                    sweep=sweep,
                    agent="acktr-paper",
                    algo="acktr",
                    env_id=env_id,
                    identity=f"{number}" * 8,
                    seed=seed,
                    n_timesteps=2_000,
                    hyperparameters=hyperparameters,
                )


def test_the_search_on_breakout(runs: Any, tmp_path: Path) -> None:
    steps = [{"eta_max": {"linear": [start, 0.0]}, "delta": 0.001} for start in (0.7, 0.2, 0.07, 0.02)]
    search_runs(runs, "grid_atari-smoke", (BREAKOUT,), steps)
    found = reproduce(runs.root, ["grid-atari"], tier="smoke")
    assert found.verdicts == ()
    (table,) = found.searches().values()
    assert table.title == "Appendix A.1: search for eta_max on Breakout, acktr-paper"
    assert table.notes[1] == "Run: 2k of 10M timesteps."
    rows = {row["eta_max"]: (row["mean"], row["chosen"]) for row in table.records()}
    assert list(rows) == ["lin_0.02", "lin_0.07", "lin_0.2", "lin_0.7"]  # by size, not by text
    assert rows["lin_0.02"] == (30.5, True)
    assert not any(chosen for _, chosen in list(rows.values())[1:])
    names = [path.name for path in found.write(tmp_path / "out")]
    assert names == [*(f"grid-atari.{kind}" for kind in ("csv", "md", "png", "svg")), "figures.md"]
    drawn = (tmp_path / "out" / "grid-atari.svg").read_text()
    for text in ("lin_0.7", "chosen framed", "2k of 10M timesteps"):
        assert text in drawn


def test_the_search_on_two_tasks_has_a_map_of_pairs_for_each(runs: Any, tmp_path: Path) -> None:
    pairs = [
        {"eta_max": actor, "critic_kwargs": {"eta_max": critic, "delta": 0.001}}
        for actor in (0.3, 0.003)
        for critic in (0.03, 0.3)
    ]
    search_runs(runs, "grid_mujoco", ("Hopper-v5", "Reacher-v5"), pairs)
    found = reproduce(runs.root, ["grid-mujoco"])
    (table,) = found.searches().values()
    rows = {(r["env_id"], r["critic_kwargs.eta_max"], r["eta_max"]): r["mean"] for r in table.records()}
    assert len(rows) == 8
    assert rows["Hopper-v5", 0.3, 0.003] == 30.5
    paths = {path.name: path for path in found.write(tmp_path / "out")}
    drawn = paths["grid-mujoco.svg"].read_text()
    assert "critic_kwargs.eta_max" in drawn
    assert "Reacher-v5: last 100" in drawn


def test_one_finished_setting_is_no_search(runs: Any, tmp_path: Path) -> None:
    search_runs(runs, "grid_atari", (BREAKOUT,), [{"eta_max": {"linear": [0.7, 0.0]}}])
    found = reproduce(runs.root, ["grid-atari"])
    assert found.searches() == {}
    assert found.write(tmp_path / "out") == []
