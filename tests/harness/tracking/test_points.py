"""A record as points: each once, whole, and in order, however its two files grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.records import EPISODE_COLUMNS, RunRecord
from harness.tracking.points import STEP, Point, RecordPoints

HEADER = ",".join(EPISODE_COLUMNS) + "\n"


def test_a_timestep_has_one_point_with_all_that_was_measured_there(growing: Callable[..., Any]) -> None:
    run = growing()
    run.begin()
    run.train(20)
    points = list(RecordPoints(run.record).rest())
    assert [point.timestep for point in points] == [5, 10, 15, 20]
    assert points[0].values == {STEP: 5, "episode/return": 5, "episode/length": 5, "episode/number": 1}
    assert points[3].values["rollout/ep_rew_mean"] == 40
    assert points[3].values["episode/return"] == 20


def test_episodes_that_end_together_are_one_mean(growing: Callable[..., Any]) -> None:
    record: RunRecord = growing().record
    record.episodes_file.write_text(HEADER + "1,8,0,1.0,4,0.1\n2,8,3,4.0,8,0.1\n")
    (point,) = RecordPoints(record).rest()
    assert (point.values["episode/return"], point.values["episode/length"]) == (2.5, 6)
    assert point.values["episode/number"] == 2


def test_empty_fields_and_words_are_left_out(growing: Callable[..., Any]) -> None:
    record: RunRecord = growing().record
    record.progress_file.write_text(f"a,b,c,{STEP}\n1.5,,x,10\nnan,2,y,20\n")
    first, second = RecordPoints(record).rest()
    assert first.values == {"a": 1.5, STEP: 10}
    assert second.values["b"] == 2


def test_wall_clock_metrics_do_not_tell_histories_apart() -> None:
    fast, slow = (Point(10, {"a": 1.0, "time/fps": fps, STEP: 10}) for fps in (500, 5))
    assert fast.digest == slow.digest
    assert fast.digest != Point(10, {"a": 1.5, "time/fps": 500, STEP: 10}).digest


def test_an_episode_waits_until_its_timestep_is_over(growing: Callable[..., Any]) -> None:
    record: RunRecord = growing().record
    source = RecordPoints(record)
    assert list(source.complete()) == []
    record.episodes_file.write_text(HEADER + "1,8,0,1.0,4,0.1\n")
    assert list(source.complete()) == []  # another environment's may follow, and a row
    record.episodes_file.write_text(HEADER + "1,8,0,1.0,4,0.1\n2,8,1,3.0,4,0.1\n3,9,1,3.0,1,0.1\n4,9")
    (point,) = source.complete()
    assert point.values["episode/return"] == 2
    assert [point.timestep for point in source.rest()] == [9]


WRITES = st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(1, 40)), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES)
def test_looks_in_between_change_nothing(writes: list[tuple[int, bool, int]], growing: Any) -> None:
    """Whatever the files hold at the looks, cut lines included, all looks together give the final points."""
    record: RunRecord = growing().record
    for file in (record.episodes_file, record.progress_file):
        file.unlink(missing_ok=True)
    source, seen, timestep, number = RecordPoints(record), [], 0, 0
    columns, rows, episodes = ["x", STEP], list[list[str]](), HEADER
    for n_episodes, row, cut in writes:
        timestep += 4
        for env in range(n_episodes):
            number += 1
            line = f"{number},{timestep},{env},{number}.5,3,0.1\n"
            record.episodes_file.write_text(episodes + line[: min(cut, len(line) - 1)])
            seen += source.complete()
            episodes += line
            record.episodes_file.write_text(episodes)
            seen += source.complete()
        if row:
            if len(rows) == 2:
                columns = ["x", STEP, "new"]
            rows.append([str(timestep / 2), str(timestep), "7"][: len(columns)])
            padded = [[*r, *[""] * (len(columns) - len(r))] for r in (columns, *rows)]
            text = "".join(",".join(r) + "\n" for r in padded)
            record.progress_file.write_text(text[:-cut] if cut < 5 else text)
            seen += source.complete()
            record.progress_file.write_text(text)
        seen += source.complete()
    seen += source.rest()
    assert seen == list(RecordPoints(record).rest())
    assert len({point.timestep for point in seen}) == len(seen)
