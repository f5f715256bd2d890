"""What a cluster is given in turn: what max_jobs left over, and the seeds that comparisons still need."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.commands.feed import Feed
from harness.looks import read_looks
from harness.records import EpisodeLog, State, find_runs
from harness.runner.lock import lock
from harness.sweep.expand import load_sweep
from harness.sweep.plan import PlannedRun
from harness.sweep.slurm.submissions import Jobs

PLAIN = "n_timesteps: 1000\nseeds: 5\nenvs: [CartPole-v1]\nalgos: [a2c]\ndevice: cpu\n"
SEQUENTIAL = (Path(__file__).parents[1] / "sequential.yaml").read_text(encoding="utf-8")


class Cluster:
    """Takes ``room`` runs at a time, which end as ``state`` when told to."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[list[int]] = []
        self.runs: list[PlannedRun] = []

    def submit(self, runs: list[PlannedRun]) -> list[PlannedRun]:
        some = runs[: self.room]
        for run in some:
            run.record.create(run.spec.to_json(), run.sweep)
        self.taken.append([run.spec.seed for run in some])
        self.runs += some
        return runs[self.room :]

    def end(self, state: State) -> None:
        for run in self.runs:
            run.record.set_status(state, timesteps=0, n_timesteps=1000)


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Feed, Cluster]:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(PLAIN)
    cluster = Cluster(room=2)
    return Feed(load_sweep(Path("s.yaml")), Path("runs"), cluster.submit, quiet=True), cluster


def test_what_was_left_follows_as_there_is_room(feed: tuple[Feed, Cluster]) -> None:
    feeder, cluster = feed
    feeder.more()
    cluster.room = 0
    assert feeder.again(active=False)  # other jobs fill the queue
    cluster.room = 2
    cluster.end("done")
    assert feeder.again(active=False)
    assert feeder.again(active=False)
    cluster.end("done")
    assert not feeder.again(active=False)
    assert cluster.taken == [[0, 1], [], [2, 3], [4]]


def test_a_failed_run_is_not_tried_again(feed: tuple[Feed, Cluster]) -> None:
    feeder, cluster = feed
    cluster.room = 5
    feeder.more()
    cluster.end("failed")
    assert not feeder.again(active=False)
    assert cluster.taken == [[0, 1, 2, 3, 4]]


def test_while_jobs_run_it_asks_once_a_minute(
    feed: tuple[Feed, Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    feeder, cluster = feed
    feeder.more()
    assert feeder.again(active=True)
    assert cluster.taken == [[0, 1]]
    monkeypatch.setattr("harness.commands.feed.AGAIN_SECONDS", 0.0)
    cluster.end("done")
    assert feeder.again(active=True)
    assert cluster.taken == [[0, 1], [2, 3]]
    cluster.room = 5
    assert feeder.again(active=True)
    assert feeder.again(active=True)  # nothing is left: the disk is not looked at
    assert cluster.taken == [[0, 1], [2, 3], [4]]


def test_another_process_that_submits_is_let_do_so(feed: tuple[Feed, Cluster]) -> None:
    feeder, cluster = feed
    feeder.more()
    with lock(Path("runs/s"), "sweep 's'"):
        assert feeder.again(active=False)
    assert cluster.taken == [[0, 1]]


def test_after_a_cancel_nothing_more_is_submitted(
    feed: tuple[Feed, Cluster], capsys: pytest.CaptureFixture[str]
) -> None:
    """``harness cancel`` in another terminal, on any machine."""
    feeder, cluster = feed
    feeder.more()
    assert CliRunner().invoke(app, ["cancel", "s"]).exit_code == 0
    cluster.end("preempted")
    assert not feeder.again(active=False)
    assert cluster.taken == [[0, 1]]
    assert capsys.readouterr().err == "cancelled meanwhile: nothing more is submitted\n"
    again = Feed(feeder.content, Path("runs"), cluster.submit, quiet=True)
    again.more()
    assert cluster.taken[1:] == [[0, 1]]  # a new call goes on


def finish_all() -> None:
    """Every recorded run ends with one episode, whose return is ``n_steps`` and a bit by seed."""
    for run in find_runs(Path("runs/s")):
        if run.status()["state"] != "done":
            spec = run.spec
            log = EpisodeLog(run.episodes_file)
            score = spec["hyperparameters"]["n_steps"] + (7 * spec["seed"]) % 11 / 11
            log.append(timestep=10, env_index=0, episode_return=score, length=10, wall_time=0.1)
            log.close()
            run.set_status("done", timesteps=1000, n_timesteps=1000)


@pytest.mark.usefixtures("fake_slurm")
def test_watch_goes_on_until_all_is_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SEQUENTIAL)
    Path("p.yaml").write_text('walltime: "1:00:00"\nruns_per_job: 3\nmax_jobs: 2\n')
    monkeypatch.setattr("harness.commands.status.time.sleep", lambda _: finish_all())
    watched = CliRunner().invoke(app, ["sweep", "s.yaml", "--backend", "./p.yaml", "--watch"])
    assert watched.exit_code == 0, watched.output
    assert "look at 4 seeds: better - a2c on CartPole-v1: 45 (decides from 45): higher" in watched.stdout
    record = read_looks(Path("runs/s"))
    assert record is not None
    assert [one.decision for one in record.comparisons] == ["higher", "undecided"]
    shares = [submission.content["shares"] for submission in Jobs(Path("runs/s")).submissions]
    assert [sum(len(share["runs"]) for share in some) for some in shares] == [6, 6, 4]
