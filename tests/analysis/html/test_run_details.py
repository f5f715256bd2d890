from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.html.runs import LINE_CHARACTERS, TEXT_CHARACTERS, log_tail, read_details
from analysis.load import load_sweeps
from harness.evaluation.record import EvaluatedEpisode, Evaluation


def test_the_logs_end_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert log_tail(log) == ""
    log.write_text("".join(f"line {number}\n" for number in range(100)) + "\n\n")
    assert log_tail(log).splitlines() == [f"line {number}" for number in range(60, 100)]


def test_a_progress_bar_shows_where_it_ended(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"first\r\n 10%\r 50%\r100%\nlast\xff\x00\n")
    assert log_tail(log) == "first\n100%\nlast\N{REPLACEMENT CHARACTER}"


def test_colours_are_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\ttab")
    assert log_tail(log) == "red text\ttab"


def test_long_logs_are_cut(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("x" * 200_000 + "\nend")
    assert log_tail(log) == "x" * LINE_CHARACTERS + "\nend"
    log.write_text(f"{'y' * 390}\n" * 60)
    shown = log_tail(log)
    assert len(shown) == TEXT_CHARACTERS + 1
    assert shown.startswith("…y")


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert log_tail(tmp_path) == f"{tmp_path}: cannot be read (Is a directory)"


def test_every_attempt_is_there_with_its_facts(tmp_path: Path, writer: Any) -> None:
    record = writer(tmp_path, [1.0] * 5, agent="a2c")
    record.begin_attempt({"hostname": "other"}, resumed_at=20_000, warnings=["other code"])
    ((run,),) = (setting.runs for setting in load_sweeps(tmp_path, ["sweep"]).settings)
    (first, facts), (second, other) = read_details(run).attempts
    assert first.startswith("Attempt 1, 20")
    assert second.endswith("UTC, resumed at 20k timesteps")
    assert "command: harness/runner --wandb-token [hidden] --device cpu" in facts
    assert "- other code" in other
    assert "hostname: other" in other


def test_damaged_files_are_named_and_do_not_raise(tmp_path: Path, writer: Any) -> None:
    record = writer(tmp_path, [1.0] * 5, agent="a2c")
    ((run,),) = (setting.runs for setting in load_sweeps(tmp_path, ["sweep"]).settings)
    evaluation = record.directory / "evaluation-1.json"
    evaluation.write_text(json.dumps({"evaluation_version": 1}))
    assert "evaluation-*.json is not one of this version (KeyError('return'))" in read_details(run).error
    evaluation.write_text("{}")
    assert f"{evaluation}: evaluation_version is None" in read_details(run).error
    evaluation.unlink()
    record.status_file.write_text("{")
    assert f"{record.status_file}: not readable" in read_details(run).error
    record.run_file.unlink()
    details = read_details(run)
    assert f"{record.run_file}: no such file" in details.error
    assert (details.config, details.attempts) == ("", ())


def test_a_time_that_is_none_is_shown_as_it_stands(tmp_path: Path, writer: Any) -> None:
    record = writer(tmp_path, [1.0] * 5, agent="a2c")
    for path, key in ((record.status_file, "heartbeat"), (record.run_file, "started")):
        content = json.loads(path.read_text())
        holder = content if key in content else content["attempts"][0]
        holder[key] = 1.8e18
        path.write_text(json.dumps(content))
    ((run,),) = (setting.runs for setting in load_sweeps(tmp_path, ["sweep"]).settings)
    details = read_details(run)
    assert ("Last heartbeat", "1.8e+18") in details.facts
    assert details.attempts[0][0] == "Attempt 1, 1.8e+18"


def test_evaluations_stand_in_the_order_of_training(tmp_path: Path, writer: Any) -> None:
    record = writer(tmp_path, [1.0] * 5, agent="a2c")
    episodes = (EvaluatedEpisode(0, 0, 0, 1.0, 1),)
    for timesteps in (20_000, 100_000, 3_000):
        Evaluation("Hopper-v5", timesteps, "p", {}, "sampled", 0, 1, episodes, {}).write(record)
    ((run,),) = (setting.runs for setting in load_sweeps(tmp_path, ["sweep"]).settings)
    assert [row[0] for row in read_details(run).evaluations[1:]] == ["3k", "20k", "100k"]
