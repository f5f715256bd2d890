"""What W&B ends up with after kills, cuts and repetitions, with its server played by a list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.records import RunRecord
from harness.tracking.describe import Description, describe
from harness.tracking.points import Point, RecordPoints
from harness.tracking.settings import WandbBlock
from harness.tracking.upload import OtherHistory, Upload

ONLINE = WandbBlock(mode="online")


class Server:
    """Keeps the points of each run; of a run that it has, it says where it stands."""

    def __init__(self) -> None:
        self.runs: dict[str, list[Point]] = {}
        self.superseded: list[str] = []

    def open(self, description: Description, history: int, settings: WandbBlock, directory: Path) -> Any:
        return _Open(self, description.id_of(history))


class _Open:
    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name
        self.points = server.runs.setdefault(name, [])
        self.last_timestep = self.points[-1].timestep if self.points else -1

    def log(self, point: Point) -> None:
        assert not self.points or point.timestep > self.points[-1].timestep
        self.points.append(point)

    def supersede(self) -> None:
        self.server.superseded.append(self.name)

    def finish(self, state: str) -> None:
        pass


@pytest.fixture
def upload() -> Callable[..., Upload]:
    def make(server: Server, record: RunRecord, strict: bool = False) -> Upload:
        return Upload(record, ONLINE, strict=strict, open_run=server.open)

    return make


def returns(points: list[Point]) -> list[tuple[int, float]]:
    return [(point.timestep, point.values["episode/return"]) for point in points]


def test_a_run_that_was_killed_and_cut_back_is_there_once(
    growing: Callable[..., Any], upload: Callable[..., Upload]
) -> None:
    run, server = growing(), Server()
    run.begin()
    run.train(60)
    upload(server, run.record).add(RecordPoints(run.record).complete())  # killed: no finish
    run.begin(resumed_at=30)
    run.train(90)
    again = upload(server, run.record)
    again.add(RecordPoints(run.record).rest())
    (points,) = server.runs.values()
    assert returns(points) == [(t, t) for t in range(5, 95, 5)]
    assert (again.counts.sent, again.counts.there, again.counts.differing) == (6, 12, 0)


def test_points_that_were_handed_over_but_never_arrived_are_sent_again(
    growing: Callable[..., Any], upload: Callable[..., Upload]
) -> None:
    run, server = growing(), Server()
    run.begin()
    run.train(60)
    upload(server, run.record).add(RecordPoints(run.record).complete())
    (points,) = server.runs.values()
    del points[4:]  # the client was killed before it had uploaded them
    run.begin(resumed_at=30)
    run.train(60, flavour="other")
    again = upload(server, run.record)
    again.add(RecordPoints(run.record).rest())
    assert again.counts.differing == 0  # what differs never arrived
    assert returns(points)[3:7] == [(20, 20), (25, 25), (30, 30), (35, 35.5)]


def test_points_that_a_resume_did_not_repeat_are_counted(
    growing: Callable[..., Any], upload: Callable[..., Upload]
) -> None:
    run, server = growing(), Server()
    run.begin()
    run.train(60)
    upload(server, run.record).add(RecordPoints(run.record).rest())
    run.begin(resumed_at=30)
    run.train(80, flavour="gpu")
    again = upload(server, run.record)
    again.add(RecordPoints(run.record).rest())
    (points,) = server.runs.values()
    assert [point.timestep for point in points] == list(range(5, 85, 5))
    assert again.counts.differing == 6


def test_another_history_goes_to_another_run(
    growing: Callable[..., Any], upload: Callable[..., Upload]
) -> None:
    run, server = growing(), Server()
    first = describe(run.record).id
    run.begin()
    run.train(40)
    upload(server, run.record).add(RecordPoints(run.record).rest())
    run.begin()
    run.train(40, flavour="fresh")
    again = upload(server, run.record, strict=True)
    with pytest.raises(OtherHistory, match="from timestep 5 on"):
        again.add(RecordPoints(run.record).rest())
    again.begin_history()
    again.add(RecordPoints(run.record).rest())
    assert again.run_id == f"{first}-1"
    assert returns(server.runs[first])[0] == (5, 5)
    assert returns(server.runs[f"{first}-1"])[0] == (5, 5.5)
    assert server.superseded == [first]
    later = upload(server, run.record, strict=True)  # remembers
    later.add(RecordPoints(run.record).rest())
    assert (later.run_id, later.counts.there) == (f"{first}-1", 8)


def test_a_lost_memory_does_not_write_into_a_later_history(
    growing: Callable[..., Any], upload: Callable[..., Upload]
) -> None:
    run, server = growing(), Server()
    run.begin()
    run.train(40)
    upload(server, run.record).add(RecordPoints(run.record).rest())
    upload(server, run.record).begin_history()
    server.runs[f"{describe(run.record).id}-1"].append(Point(3, {}))
    (run.record.directory / "wandb" / "state.json").unlink()
    again = upload(server, run.record)
    again.begin_history()
    assert again.run_id.endswith("-2")


def test_a_row_that_a_kill_cut_off_is_forgotten(
    growing: Callable[..., Any], upload: Callable[..., Upload]
) -> None:
    run, server = growing(), Server()
    run.begin()
    run.train(20)
    upload(server, run.record).add(RecordPoints(run.record).rest())
    memory = run.record.directory / "wandb" / "sent-0.csv"
    memory.write_text(memory.read_text()[:-3])
    run.train(40)
    upload(server, run.record, strict=True).add(RecordPoints(run.record).rest())
    rows = [line.split(",") for line in memory.read_text().splitlines()[1:]]
    assert [int(timestep) for timestep, _ in rows] == [5, 10, 15, 25, 30, 35, 40]


def test_another_project_begins_with_nothing(
    growing: Callable[..., Any], upload: Callable[..., Upload]
) -> None:
    run = growing()
    run.begin()
    run.train(20)
    upload(Server(), run.record).add(RecordPoints(run.record).rest())
    elsewhere, server = WandbBlock(mode="online", project="elsewhere"), Server()
    Upload(run.record, elsewhere, strict=True, open_run=server.open).add(RecordPoints(run.record).rest())
    assert [len(points) for points in server.runs.values()] == [4]


def test_the_id_depends_on_what_the_run_is_and_on_nothing_else(growing: Callable[..., Any]) -> None:
    run, other = growing(0), growing(1)
    before = describe(run.record)
    run.begin()
    run.train(50)
    after = describe(run.record)
    assert before.id == after.id == before.id_of(0)
    assert len(before.id) == 16
    assert describe(other.record).id != before.id
    assert describe(other.record).group == before.group == f"sweep/a2c/CartPole-v1/{run.spec.identity}"
    assert after.config["hyperparameters"] == {"n_steps": 10, "n_envs": 1}
    assert after.config["code"] == {"agent_digest": "abc"}  # and no command line
