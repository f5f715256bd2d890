"""The run directory's files: written whole, read back, and refused by name when damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import EpisodeLog, RecordError, RunRecord, find_runs, run_directory, write_atomically

HEADER = "episode,timestep,env_index,return,length,wall_time\n"


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    record = RunRecord(tmp_path / "seed-0")
    record.create({"algo": "a2c", "n_timesteps": 100}, "sweep")
    return record


def test_a_new_record_is_pending(record: RunRecord) -> None:
    assert record.status()["state"] == "pending"
    assert record.spec == {"algo": "a2c", "n_timesteps": 100}
    assert record.episodes().empty
    assert record.progress().empty
    assert record.provenance == {}


def test_attempts_are_counted_and_kept(record: RunRecord) -> None:
    assert [record.begin_attempt({"python": "a"}), record.begin_attempt({"python": "b"})] == [1, 2]
    assert record.provenance == {"python": "b"}
    record.begin_attempt({}, resumed_at=50, warnings=["w"], device="cpu")
    assert [one["resumed_at"] for one in record.attempts] == [0, 0, 50]
    assert record.attempts[2]["warnings"] == ["w"]
    assert record.attempts[2]["device"] == "cpu"
    assert record.spec["algo"] == "a2c"


def test_episodes_come_back_exactly(record: RunRecord) -> None:
    log = EpisodeLog(record.episodes_file)
    returns = [0.1 + 0.2, -1e300, 7.0]
    for index, episode_return in enumerate(returns):
        log.append(
            timestep=10 * index, env_index=index, episode_return=episode_return, length=5, wall_time=0.25
        )
    log.close()
    frame = record.episodes()
    assert frame["return"].tolist() == returns
    assert frame["episode"].tolist() == [1, 2, 3]
    assert frame["timestep"].tolist() == [0, 10, 20]


@given(
    texts=st.lists(
        st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{1,17})?", fullmatch=True)
        | st.floats(allow_nan=False, allow_infinity=False).map(repr),
        min_size=1,
        max_size=20,
    )
)
def test_decimals_of_any_length_are_read_as_float_reads_them(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    record = RunRecord(tmp_path_factory.mktemp("run"))
    rows = [f"{number},{number},0,{text},1,0.5\n" for number, text in enumerate(texts, 1)]
    record.episodes_file.write_text(HEADER + "".join(rows))
    assert record.episodes()["return"].tolist() == [float(text) for text in texts]


def test_a_row_is_on_disk_before_the_log_is_closed(record: RunRecord) -> None:
    log = EpisodeLog(record.episodes_file)
    log.append(timestep=1, env_index=0, episode_return=2.0, length=1, wall_time=0.0)
    assert len(record.episodes()) == 1
    log.close()


def append(log: EpisodeLog, timestep: int) -> None:
    log.append(timestep=timestep, env_index=0, episode_return=timestep / 3, length=1, wall_time=0.0)


def test_a_log_goes_on_at_its_mark_and_cuts_off_what_follows(record: RunRecord) -> None:
    log = EpisodeLog(record.episodes_file)
    append(log, 1)
    append(log, 2)
    mark = log.mark()
    append(log, 3)
    log.close()
    with record.episodes_file.open("a") as file:
        file.write("4,")
    resumed = EpisodeLog(record.episodes_file, mark)
    assert resumed.n_episodes == 2
    append(resumed, 5)
    again = resumed.mark()
    resumed.close()
    assert record.episodes()["timestep"].tolist() == [1, 2, 5]
    assert record.episodes()["episode"].tolist() == [1, 2, 3]
    again.check(record.episodes_file)
    assert again.rows == 3


@pytest.mark.parametrize("content", [None, HEADER, "other text of the same length and more" * 9])
def test_a_log_that_is_not_what_was_marked_is_not_gone_on_with(
    record: RunRecord, content: str | None
) -> None:
    log = EpisodeLog(record.episodes_file)
    append(log, 1)
    mark = log.mark()
    log.close()
    record.episodes_file.unlink()
    if content is not None:
        record.episodes_file.write_text(content)
    with pytest.raises(RecordError, match="its first 1 episodes are not those of the checkpoint"):
        EpisodeLog(record.episodes_file, mark)
    assert not record.episodes_file.exists() or record.episodes_file.read_text() == content


def test_a_row_that_does_not_fit_is_taken_back(record: RunRecord) -> None:
    """A file-size limit, in a process of its own, stands for a full disk."""
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from harness.records import EpisodeLog\n"
        "log = EpisodeLog(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        "try:\n"
        "    for n in range(99):\n"
        "        log.append(timestep=n, env_index=0, episode_return=0.1, length=1, wall_time=0.0)\n"
        "except OSError as error:\n"
        "    print(error.filename, log.n_episodes)\n"
    )
    command = [sys.executable, "-c", code, str(record.episodes_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    name, rows = done.stdout.split()
    assert name == str(record.episodes_file)
    assert len(record.episodes()) == int(rows) > 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("episode,return\n1,2\n", "header is 'episode,return', expected 'episode,timestep"),
        (HEADER + "1,10,0,x,5,0.1\n", "damaged row: line 2: return is 'x', expected a finite number"),
        (HEADER + "1,10,0,1.0,5\n", "damaged row: line 2: 5 fields, expected 6"),
        (HEADER + "1,10,0,1.0,5,0.1,7\n", "damaged row: line 2: 7 fields, expected 6"),
        (HEADER + "1,10,0,1.0,5,0.1\n2,20,0,-inf,5,0.2\n", "line 3: return is '-inf', expected a finite"),
        (HEADER + "1,10,0,1.0,5,0.1\n2,20,0,NaN,5,0.2\n", "line 3: return is 'NaN', expected a finite"),
        (HEADER + "1,10,0,1.0,,0.1\n", "line 2: length is '', expected a finite number"),
        (HEADER + "1,x,0,1.0,5,0.1\n", "line 2: timestep is 'x', expected a finite number"),
        (HEADER + "1,10,0,1.0,5,0.1\n2,20,0,1.0,5,0.", "the last line is cut off"),
        (HEADER + "2,10,0,1.0,5,0.1\n", "line 2: episode is 2; episodes must count 1, 2, 3"),
        (HEADER + "1,10,0,1.0,5,0.1\n2,9,0,1.0,5,0.1\n", "line 3: timestep is 9; timesteps must not fall"),
    ],
    ids=["header", "word", "short-row", "long-row", "inf", "nan", "empty", "text", "cut", "gap", "backwards"],
)
def test_a_damaged_episode_file_is_named(record: RunRecord, text: str, reason: str) -> None:
    record.episodes_file.write_text(text)
    with pytest.raises(RecordError, match=r"episodes\.csv: ") as caught:
        record.episodes()
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"state": "asleep"}'], ids=["empty", "cut", "list", "state"]
)
def test_a_damaged_status_is_named(record: RunRecord, text: str) -> None:
    record.status_file.write_text(text)
    with pytest.raises(RecordError, match=r"status\.json: "):
        record.status()


def test_discarding_results_keeps_what_the_run_is(record: RunRecord) -> None:
    record.begin_attempt({})
    (record.checkpoints_directory / "step-1").mkdir(parents=True)
    for file in (record.episodes_file, record.model_file, record.log_file):
        file.write_text("x")
    record.discard_results()
    left = {path.name for path in record.directory.iterdir()}
    assert left == {"run.json", "status.json", "log.txt"}
    assert len(record.attempts) == 1


def test_an_unknown_state_is_not_written(record: RunRecord) -> None:
    with pytest.raises(ValueError, match="state must be one of pending, running"):
        record.set_status("asleep")  # type: ignore[arg-type]
    assert record.status()["state"] == "pending"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(path, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_runs_are_found_in_order_and_not_inside_one_another(tmp_path: Path) -> None:
    for seed in (2, 10, 1):
        directory = run_directory(tmp_path, "s", "a2c", "ALE/Pong-v5", "0a1b2c3d", seed)
        RunRecord(directory).create({"n_timesteps": 1}, "s")
        (directory / "inner").mkdir()
        (directory / "inner" / "run.json").write_text("{}")
    found = [str(record.directory.relative_to(tmp_path)) for record in find_runs(tmp_path)]
    assert found == [f"s/a2c/ALE-Pong-v5/0a1b2c3d/seed-{seed}" for seed in (1, 10, 2)]
