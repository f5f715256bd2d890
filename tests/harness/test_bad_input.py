"""Every mistake that a user can make in a sweep: one line, exit code 2, nothing created."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app

GOOD = """\
name: fine
n_timesteps: 1000
seeds: 2
envs: [Pong]
algos: [acktr]
"""


def good(**changed: str) -> str:
    """The good file with some lines replaced; other keys are added at its end, from line 6 on."""
    lines = dict(line.split(": ", 1) for line in GOOD.splitlines())
    return "".join(f"{key}: {value}\n" for key, value in {**lines, **changed}.items())


@dataclass(frozen=True)
class Bad:
    """A file or command line, the place that the message must begin with, and what it must say."""

    id: str
    content: str | bytes | None
    place: str
    fragments: tuple[str, ...]
    arguments: tuple[str, ...] = ()


YAML = "bad.yaml"
CASES = [
    # YAML itself
    Bad("tab", GOOD + "grid:\n\tgamma: [1]\n", f"{YAML}:7: ", (r"'\t'", "expected spaces")),
    Bad("unclosed list", good(envs="[Pong"), f"{YAML}:5: ", ("malformed YAML", "expected")),
    Bad("two colons", good(name="a: b"), f"{YAML}:1: ", ("malformed YAML",)),
    Bad(
        "duplicate key",
        GOOD + "seeds: 3\n",
        f"{YAML}:6: seeds: ",
        ("duplicate key", "line 3", "expected it once"),
    ),
    Bad("unknown alias", good(envs="*games"), f"{YAML}:4: ", ("undefined alias 'games'",)),
    Bad("python tag", good(name="!!python/name:os.system"), f"{YAML}:1: ", ("tag",)),
    Bad("key no text", GOOD + "1: 2\n", f"{YAML}:6: ", ("key '1' is not text", "expected a name")),
    Bad("empty file", "", f"{YAML}:1: ", ("empty", "expected a mapping")),
    Bad("list at top", "- Pong\n", f"{YAML}:1: ", ("a list", "expected a mapping")),
    Bad("not utf-8", GOOD.encode() + b"description: \xe9\n", f"{YAML}:6: ", ("0xe9", "UTF-8")),
    Bad("missing file", None, f"{YAML}: ", ("no such file", "expected a sweep's YAML file")),
    # keys and types
    Bad("unknown key", GOOD + "env: Pong\n", f"{YAML}:6: env: ", ("unknown key", "did you mean 'envs'?")),
    Bad("missing key", "seeds: 1\nenvs: [Pong]\nalgos: [a2c]\n", f"{YAML}:1: n_timesteps: ", ("missing",)),
    Bad(
        "timesteps zero", good(n_timesteps="0"), f"{YAML}:2: n_timesteps: ", ("expected a number > 0, got 0",)
    ),
    Bad("timesteps negative", good(n_timesteps="-1e6"), f"{YAML}:2: n_timesteps: ", ("> 0",)),
    Bad(
        "timesteps half", good(n_timesteps="10.5"), f"{YAML}:2: n_timesteps: ", ("a whole number, got 10.5",)
    ),
    Bad(
        "timesteps text",
        good(n_timesteps="many"),
        f"{YAML}:2: n_timesteps: ",
        ('a whole number, got "many"',),
    ),
    Bad("timesteps nan", good(n_timesteps=".nan"), f"{YAML}:2: n_timesteps: ", ("expected a finite number",)),
    Bad("timesteps inf", good(n_timesteps=".inf"), f"{YAML}:2: n_timesteps: ", ("expected a finite number",)),
    Bad("timesteps list", good(n_timesteps="[1]"), f"{YAML}:2: n_timesteps: ", ("expected a whole number",)),
    Bad("device", GOOD + "device: cudda\n", f"{YAML}:6: device: ", ("'cuda'", "did you mean 'cuda'?")),
    Bad("name up", good(name="../up"), f"{YAML}:1: name: ", ("expected letters", '"../up"')),
    Bad("name slash", good(name="a/b"), f"{YAML}:1: name: ", ("expected letters",)),
    Bad("name hidden", good(name=".a"), f"{YAML}:1: name: ", ("not beginning with a dot",)),
    Bad("name number", good(name="7"), f"{YAML}:1: name: ", ("expected text, got 7",)),
    # seeds
    Bad("seeds zero", good(seeds="0"), f"{YAML}:3: seeds: ", ("expected a number > 0, got 0",)),
    Bad("seeds negative", good(seeds="-2"), f"{YAML}:3: seeds: ", ("> 0, got -2",)),
    Bad(
        "seeds too far",
        good(seeds="{start: 4294967294, count: 3}"),
        f"{YAML}:3: seeds.count: ",
        ("the last seed at most 4294967295, got 4294967296",),
    ),
    Bad(
        "sequential seeds too far",
        good(seeds="{start: 4294967290, min: 3, max: 10, until: decided}"),
        f"{YAML}:3: seeds.max: ",
        ("the last seed at most 4294967295, got 4294967299",),
    ),
    Bad(
        "label too long",
        good(algos="{" + "a" * 101 + ": {algo: a2c}}"),
        f"{YAML}:5: algos.",
        ("expected at most 100 characters, got 101",),
    ),
    Bad("seeds half", good(seeds="1.5"), f"{YAML}:3: seeds: ", ("a count, a list", "got 1.5")),
    Bad("seeds text", good(seeds="a"), f"{YAML}:3: seeds: ", ("a count, a list", 'got "a"')),
    Bad("seeds true", good(seeds="true"), f"{YAML}:3: seeds: ", ("a count, a list", "got true")),
    Bad("seeds empty", good(seeds="[]"), f"{YAML}:3: seeds: ", ("at least 1",)),
    Bad("seed half", good(seeds="[0, 1.5]"), f"{YAML}:3: seeds.1: ", ("a whole number, got 1.5",)),
    Bad("seed true", good(seeds="[0, true]"), f"{YAML}:3: seeds.1: ", ("a whole number, got true",)),
    Bad("seed negative", good(seeds="[-1]"), f"{YAML}:3: seeds.0: ", ("a number >= 0, got -1",)),
    Bad("seed twice", good(seeds="[4, 4]"), f"{YAML}:3: seeds: ", ("expected each once, got 4 twice",)),
    Bad("seed range", good(seeds="{start: 1}"), f"{YAML}:3: seeds.count: ", ("required key is missing",)),
    Bad(
        "seed range key",
        good(seeds="{start: 1, count: 2, stop: 3}"),
        f"{YAML}:3: seeds.stop: ",
        ("unknown key",),
    ),
    # names
    Bad(
        "unknown env",
        good(envs="[Pong, Brakeout]"),
        f"{YAML}:4: envs.1: ",
        ("unknown environment 'Brakeout'", "Breakout"),
    ),
    Bad("old mujoco", good(envs="[Hopper-v2]"), f"{YAML}:4: envs.0: ", ("did you mean 'Hopper-v5'?",)),
    Bad(
        "env twice",
        good(envs="{Pong: {}, pong: {}}"),
        f"{YAML}:4: envs.pong: ",
        ("same environment as 'Pong'",),
    ),
    Bad("envs empty", good(envs="[]"), f"{YAML}:4: envs: ", ("at least 1",)),
    Bad("envs text", good(envs="Pong"), f"{YAML}:4: envs: ", ("expected a list of names or a mapping",)),
    Bad(
        "env key",
        good(envs="{Pong: {timesteps: 3}}"),
        f"{YAML}:4: envs.Pong.timesteps: ",
        ("did you mean 'n_timesteps'?",),
    ),
    Bad(
        "unknown agent",
        good(algos="[acktrr]"),
        f"{YAML}:5: algos.0: ",
        ("unknown agent 'acktrr'", "nearest: acktr"),
    ),
    Bad(
        "unknown agent of a label",
        good(algos="{a: {algo: a2cc}}"),
        f"{YAML}:5: algos.a.algo: ",
        ("nearest: a2c",),
    ),
    Bad("label slash", good(algos="{a/b: {algo: a2c}}"), f"{YAML}:5: algos.a/b: ", ("expected letters",)),
    Bad(
        "unknown preset", good(algos="{acktr: {preset: papr}}"), f"{YAML}:5: algos.acktr.preset: ", ("paper",)
    ),
    Bad(
        "algo env",
        good(algos="{a2c: {envs: {Hopper: {}}}}"),
        f"{YAML}:5: algos.a2c.envs.Hopper: ",
        ("expected one of Pong",),
    ),
    # hyper-parameters
    Bad(
        "unknown hyper-parameter",
        good(algos="\n  acktr:\n    hyperparameters:\n      eta_mx: 0.1"),
        f"{YAML}:8: algos.acktr.hyperparameters.eta_mx: ",
        ("unknown key", "did you mean 'eta_max'?", "agent acktr"),
    ),
    Bad(
        "unknown nested hyper-parameter",
        good(algos="\n  acktr:\n    hyperparameters:\n      kfac_kwargs: {dampening: 1}"),
        f"{YAML}:8: algos.acktr.hyperparameters.kfac_kwargs.dampening: ",
        ("did you mean 'damping'?",),
    ),
    Bad(
        "negative eta_max",
        good(algos="{acktr: {hyperparameters: {eta_max: -0.1}}}"),
        f"{YAML}:5: algos.acktr.hyperparameters.eta_max: ",
        ("a number >= 0", "-0.1"),
    ),
    Bad(
        "n_envs zero",
        good(envs="{Pong: {hyperparameters: {n_envs: 0}}}"),
        f"{YAML}:4: envs.Pong.hyperparameters.n_envs: ",
        ("expected a number >= 1, got 0",),
    ),
    Bad(
        "hyper-parameter list",
        good(algos="{a2c: {hyperparameters: [1]}}"),
        f"{YAML}:5: algos.a2c.hyperparameters: ",
        ("a mapping",),
    ),
    Bad(
        "not for every algo",
        good(algos="[a2c, trpo]", grid="{use_rms_prop: [true]}"),
        f"{YAML}:6: grid.use_rms_prop.0: ",
        ("agent trpo",),
    ),
    # protocols
    Bad(
        "protocol key",
        GOOD + "protocols: {atari: {noop: 3}}\n",
        f"{YAML}:6: protocols.atari.noop: ",
        ("did you mean 'noop_max'?",),
    ),
    Bad(
        "protocol name",
        GOOD + "protocols: {atary: {}}\n",
        f"{YAML}:6: protocols: ",
        ("did you mean 'atari'?",),
    ),
    Bad(
        "protocol of another kind",
        good(envs="[Pong, Hopper]", protocol="atari-sticky"),
        f"{YAML}:6: protocol: ",
        ("Hopper-v5", "'mujoco' or 'mujoco-pixels', not 'atari-sticky'"),
    ),
    Bad(
        "protocol of another kind, in an env",
        good(envs="{Pong: {protocol: mujoco-pixels}}"),
        f"{YAML}:4: envs.Pong.protocol: ",
        ("'atari' or 'atari-sticky', not 'mujoco-pixels'",),
    ),
    Bad(
        "protocol no name",
        good(envs="{Pong: {protocol: [atari]}}"),
        f"{YAML}:4: envs.Pong.protocol: ",
        ("expected a mapping",),
    ),
    Bad(
        "protocol key of another protocol",
        good(envs="{Hopper: {protocol: {name: mujoco-pixels, clip_obs: 5}}}"),
        f"{YAML}:4: envs.Hopper.protocol.clip_obs: ",
        ("unknown key",),
    ),
    Bad(
        "protocol value",
        good(envs="{Pong: {protocol: {frame_skip: 0}}}"),
        f"{YAML}:4: envs.Pong.protocol.frame_skip: ",
        ("> 0",),
    ),
    # grid and zip
    Bad("grid empty", GOOD + "grid: {}\n", f"{YAML}:6: grid: ", ("at least 1",)),
    Bad("grid list empty", GOOD + "grid: {gamma: []}\n", f"{YAML}:6: grid.gamma: ", ("at least 1",)),
    Bad(
        "grid no list",
        GOOD + "grid: {gamma: 0.9}\n",
        f"{YAML}:6: grid.gamma: ",
        ("expected a list, got 0.9",),
    ),
    Bad("grid value", GOOD + "grid: {gamma: [0.9, 2]}\n", f"{YAML}:6: grid.gamma.1: ", ("<= 1, got 2",)),
    Bad("grid key", GOOD + "grid: {gama: [0.9]}\n", f"{YAML}:6: grid.gama.0: ", ("did you mean 'gamma'?",)),
    Bad(
        "grid of seeds",
        GOOD + "grid: {seed: [1, 2]}\n",
        f"{YAML}:6: grid: ",
        ("expected hyper-parameters", "use seeds"),
    ),
    Bad("grid of algos", GOOD + "grid: {algo: [a2c]}\n", f"{YAML}:6: grid: ", ("use algos",)),
    Bad("grid dots", GOOD + "grid: {kfac_kwargs.: [1]}\n", f"{YAML}:6: grid: ", ("single dots",)),
    Bad(
        "zip lengths",
        GOOD + "zip: {n_envs: [1, 2], n_steps: [3]}\n",
        f"{YAML}:6: zip: ",
        ("equal length", "n_envs: 2", "n_steps: 1"),
    ),
    Bad(
        "varied twice",
        GOOD + "grid: {gamma: [0.9]}\nzip: {gamma: [0.8]}\n",
        f"{YAML}:7: zip.gamma: ",
        ("varied twice", "bad.yaml:6"),
    ),
    Bad("equal runs", GOOD + "grid: {gamma: [0.9, 0.90]}\n", f"{YAML}:6 (algo acktr", ("are the same run",)),
    # the command line
    Bad("jobs zero", GOOD, "harness: --jobs 0: ", ("expected a number >= 1",), ("--jobs", "0")),
    Bad("jobs text", GOOD, "harness sweep: ", ("--jobs", "integer"), ("--jobs", "two")),
    Bad("backend", GOOD, "harness: --backend slrm: ", ("expected local",), ("--backend", "slrm")),
    Bad("unknown option", GOOD, "harness sweep: ", ("--job",), ("--job", "1")),
    Bad("set without =", GOOD, "harness: --set seeds: ", ("expected key=value",), ("--set", "seeds")),
    Bad("set value", GOOD, "harness: --set seeds: ", ("a count, a list",), ("--set", "seeds=a")),
    Bad("set malformed", GOOD, "harness: --set seeds: ", ("malformed YAML",), ("--set", "seeds=[1")),
    Bad(
        "set unknown key",
        GOOD,
        "harness: --set sedes: ",
        ("did you mean 'seeds'?",),
        ("--set", "sedes=1"),
    ),
    Bad(
        "set through a list",
        GOOD,
        "harness: --set envs.Pong.n_timesteps: ",
        ("envs is a list",),
        ("--set", "envs.Pong.n_timesteps=1"),
    ),
    Bad(
        "runs dir is a file",
        GOOD,
        "harness: --runs-dir ",
        ("is a file", "expected a directory"),
        ("--runs-dir", YAML),
    ),
    Bad(
        "runs dir below a file",
        GOOD,
        "harness: ",
        ("bad.yaml/runs", "expected a directory"),
        ("--runs-dir", f"{YAML}/runs"),
    ),
    Bad(
        "runs dir not writable",
        GOOD,
        "harness: /proc/",
        ("cannot be written", "expected a directory"),
        ("--runs-dir", "/proc/runs"),
    ),
]


def listing(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def write(case: Bad, directory: Path) -> None:
    if case.content is not None:
        content = case.content if isinstance(case.content, bytes) else case.content.encode()
        (directory / YAML).write_bytes(content)


def check(case: Bad, exit_code: int, stdout: str, stderr: str) -> None:
    message = stderr.removesuffix("\n")
    assert exit_code == 2
    assert len(message.splitlines()) == 1
    assert message.startswith(case.place) or message.startswith(f"harness: {case.place}")
    assert [fragment for fragment in case.fragments if fragment not in message] == []
    assert "Traceback" not in stdout


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_mistake_is_one_line_and_creates_nothing(
    case: Bad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(case, tmp_path)
    before = listing(tmp_path)
    result = CliRunner().invoke(app, ["sweep", YAML, *case.arguments])
    check(case, result.exit_code, result.stdout, result.stderr)
    assert listing(tmp_path) == before


IN_A_PROCESS = (
    "tab",
    "unknown hyper-parameter",
    "seeds true",
    "jobs zero",
    "runs dir not writable",
    "missing file",
)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.id in IN_A_PROCESS], ids=lambda case: case.id
)
def test_the_same_from_a_shell(case: Bad, tmp_path: Path) -> None:
    write(case, tmp_path)
    before = listing(tmp_path)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "sweep", YAML, *case.arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    check(case, done.returncode, done.stdout, done.stderr)
    assert listing(tmp_path) == before


def test_a_directory_in_place_of_the_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sweep", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"harness: {tmp_path}: is a directory; expected a sweep's YAML file\n"


def test_the_good_file_is_good(tmp_path: Path) -> None:
    """The cases above differ from it in one thing each."""
    (tmp_path / YAML).write_text(GOOD)
    runs_dir = tmp_path / "runs"
    result = CliRunner().invoke(
        app, ["sweep", str(tmp_path / YAML), "--dry-run", "--runs-dir", str(runs_dir)]
    )
    assert result.exit_code == 0
    assert result.stdout.endswith("2 runs: 0 done, 2 to run\n")
    assert not runs_dir.exists()
