"""A cluster profile: what it may say, and what is said of a mistake in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.spec import SpecError
from harness.sweep.slurm.profile import Profile, load_profile, profile_from_json
from harness.sweep.slurm.submit import sbatch_parameters

ROOT = Path(__file__).resolve().parents[4]
MakeProfile = Callable[..., Profile]


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "big.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("path", sorted((ROOT / "slurm").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_profiles_that_come_along_load(path: Path) -> None:
    assert load_profile(str(path)).name == path.stem


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("4:00:00", 240),
        ("1-00:00:00", 1440),
        ("0:10", 10),
        ("00:05:30", 6),
        ("100:00:00", 6000),
        ("42-00:00:00", 60480),
        ("999-999:59", 1498559),
    ],
)
def test_walltimes(text: str, minutes: int, tmp_path: Path) -> None:
    profile = load_profile(written(tmp_path, f'walltime: "{text}"'))
    assert profile.walltime == minutes
    assert profile_from_json(profile.to_json()) == profile


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("walltime: 4:00:00", '1: walltime: expected a time in quotes, "hours:minutes:seconds" or'),
        ('walltime: "4 hours"', "1: walltime: expected a time in quotes"),
        ('walltime: "0:75:00"', "1: walltime: expected a time in quotes"),
        ('walltime: "0:00:00"', "1: walltime: expected a time above zero"),
        ("partition: gpu", "walltime: required key is missing"),
        (
            'walltime: "0:02:00"',
            "1: walltime: expected more than signal_seconds (120) and half a minute, got 120 s",
        ),
        ('walltime: "1:00:00"\npartitions: gpu', "2: partitions: unknown key; did you mean 'partition'?"),
        ('walltime: "1:00:00"\npartition: "gpu; rm -rf ~"', "2: partition: expected a name without spaces"),
        ('walltime: "1:00:00"\nname: other', "2: name: unknown key"),
        ('walltime: "1:00:00"\nruns_per_gpu: 0', "2: runs_per_gpu: expected a number >= 1, got 0"),
        ('walltime: "1:00:00"\nruns_per_job: many', "2: runs_per_job: expected a whole number, got"),
        ('walltime: "1:00:00"\nmem_gb_per_run: .inf', "2"),
        ('walltime: "1:00:00"\ngpu_type: a100', "2: gpu_type: expected gpus_per_job > 0 beside it"),
        ('walltime: "1:00:00"\nsetup: module load x', "2: setup: expected a list"),
        ('walltime: "1:00:00"\noptions: {time: 5}', "2: options: expected sbatch options that have no key"),
        ('walltime: "1:00:00"\noptions: {parsable: true}', "2: options: expected none of clusters, parsable"),
        ('walltime: "1:00:00"\noptions: {"--nice": 5}', "2: options: expected sbatch options without dashes"),
        ('walltime: "1:00:00"\noptions: {comment: "a\\nrm"}', "2: options: expected one line"),
        (
            'walltime: "1:00:00"\nsetup: [module load x, export WANDB_API_KEY=0123]',
            "2: setup.1: expected no secrets, since this is written to files, got a value for WANDB_API_KEY;",
        ),
        ('walltime: "1:00:00"\noptions: {export: "ALL,HF_TOKEN=0123"}', "got a value for HF_TOKEN; "),
        ('walltime: "1:00:00"\nsrun_args: ["--x=my_password=0123"]', "got a value for my_password; "),
    ],
)
def test_a_mistake_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SpecError) as refused:
        load_profile(path)
    line = str(refused.value)
    assert line.startswith(f"{path}:")
    assert message in line
    assert "\n" not in line
    assert "0123" not in line


def test_lines_that_only_look_like_secrets(tmp_path: Path) -> None:
    lines = [
        "export WANDB_API_KEY=$(cat ~/.key)",
        'export HF_TOKEN="$OTHER"',
        "export TOKENIZERS_PARALLELISM=false",
        "export MAX_TOKENS=5",
        "export KEY_FILE=~/.key",
    ]
    assert load_profile(written(tmp_path, f'walltime: "1:00:00"\nsetup: {lines!r}')).setup == lines


def test_an_unknown_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("slurm").mkdir()
    Path("slurm/gpu.yaml").write_text('walltime: "1:00:00"')
    Path("s.yaml").write_text("n_timesteps: 10\nseeds: 1\nenvs: [CartPole-v1]\nalgos: [a2c]\n")
    refused = CliRunner().invoke(app, ["sweep", "s.yaml", "--backend", "gpus"])
    assert refused.exit_code == 2
    assert refused.stderr == (
        "harness: --backend gpus: no such file slurm/gpus.yaml; "
        "expected local, gpu, or a profile's YAML file; did you mean 'gpu'?\n"
    )
    refused = CliRunner().invoke(app, ["sweep", "s.yaml", "--backend", "gpu", "--jobs", "2"])
    assert refused.stderr.startswith("harness: --jobs: expected only beside --backend local")


def test_places_cores_memory_and_gpus(profile: MakeProfile) -> None:
    packed = profile(gpus_per_job=2, runs_per_gpu=3, runs_per_job=12, cpus_per_run=2, mem_gb_per_run=1.5)
    assert (packed.at_once, packed.share, packed.cpus_per_job) == (6, 12, 12)
    given = sbatch_parameters("n", packed)
    assert (given["gres"], given["mem"], given["cpus_per_task"]) == ("gpu:2", "9216M", 12)
    assert given["srun_args"] == ["--cpus-per-task=12"]
    assert given["additional_parameters"] == {"requeue": True}
    cpu = profile(runs_per_job=4, gpus_per_job=0, requeue=False, options={"nice": 100, "exclusive": False})
    assert (cpu.at_once, cpu.share, cpu.cpus_per_job) == (4, 4, 4)
    assert sbatch_parameters("n", cpu)["additional_parameters"] == {"no-requeue": True, "nice": 100}
    assert "gres" not in sbatch_parameters("n", cpu)
    typed = profile(gpus_per_job=1, gpu_type="a100")
    assert (typed.share, sbatch_parameters("n", typed)["gres"]) == (1, "gpu:a100:1")
    tiny = profile(runs_per_job=1, gpus_per_job=0, mem_gb_per_run=0.0001)
    assert sbatch_parameters("n", tiny)["mem"] == "1M"  # 0 is all of the node's to Slurm
