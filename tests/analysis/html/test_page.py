from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from analysis.html import html_report
from analysis.report import Report, report


def drill_downs(page: str) -> dict[str, str]:
    """Text of every run's details by its place."""
    found = re.findall(r'<details class="run".*?</details>', page, flags=re.DOTALL)
    places = [re.search(r"<code>(.*?)</code>", text) for text in found]
    return {unescape(place[1]): text for place, text in zip(places, found, strict=True) if place}


def test_every_run_can_be_looked_into(page: str, content: Report) -> None:
    found = drill_downs(page)
    runs = [run for setting in content.settings for run in setting.runs]
    assert len(found) == len(runs) == 22
    for run in runs:
        text = found["/".join(run.directory.parts[-5:])]
        assert f"seed {run.seed}</span>" in text
        assert run.state in text
        assert "hyperparameters:" in text
        assert "agent_digest: cadbe59d29d1dd2f" in text
        assert ('class="curve"' in text) == (len(run.episodes) > 0)
        assert ("No episodes to draw" in text) == (len(run.episodes) == 0)


def test_a_run_shows_its_evaluation(page: str) -> None:
    text = drill_downs(page)["sweep/a2c/Hopper-v5/aaaaaaaa/seed-0"]
    assert "<td>20.0 ± 10.0</td>" in text
    assert "evaluation-1500-sampled-n3-seed7.csv" in text


def test_a_damaged_file_is_named_in_its_run(page: str) -> None:
    text = drill_downs(page)["sweep/trpo/BreakoutNoFrameskip-v4/aaaaaaaa/seed-1"]
    assert "cut off" in text
    assert "episodes.csv" in text


def test_what_comes_from_runs_is_escaped(page: str) -> None:
    own_script = page.index("</script>")
    rest = page[own_script + len("</script>") :]
    assert "<script" not in rest
    assert "<img" not in rest
    assert page.count("&lt;script&gt;window.hacked") >= 6  # label, error, log, config, warning, claim
    details = next(text for text in drill_downs(page).values() if "ValueError" in text)
    assert details.count("&lt;script&gt;") == 5  # label in the summary and the config, note, error, log
    assert "&amp;amp;" in details  # what looks escaped already stays what it is


def test_a_secret_is_nowhere(page: str) -> None:
    assert "sk-very-secret" not in page
    assert page.count("[hidden]") > 22
    assert "OMP_NUM_THREADS" in page


def test_a_secret_that_tells_settings_apart_is_hidden_too(tmp_path: Path, writer: Any) -> None:
    for number, name in enumerate(("sk-one", "sk-two")):
        hyperparameters = {"env_token": name, "delta": number, "eta_max": number}  # no grid
        writer(tmp_path, [1.0] * 5, agent="a2c", identity=str(number), hyperparameters=hyperparameters)
    loaded = report(tmp_path, ["sweep"])
    assert "env_token=sk-one" in loaded.settings[0].name
    assert "sk-one" not in html_report(loaded)


def test_control_characters_are_left_out(page: str) -> None:
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f]", page) == []


def test_warnings_tables_and_extra_sections_are_there(page: str, content: Report) -> None:
    text = unescape(page)
    assert len(content.warnings) > 3
    assert all(warning.split(":")[0] in text for warning in content.warnings)
    for table in (content.table, *content.sections.values()):
        assert f">{table.title}<" in page
        assert all(f">{entry.text}<" in text or ">" in entry.text for row in table.rows for entry in row)
    assert '<section id="extra-1">\n<h2>Claims</h2>' in page


def test_provenance_is_summed_up(page: str) -> None:
    assert "e18f42dc7adcf3e4d41b8cb888b606685e897902, changed (abcd)" in page
    assert "e18f42d, changed</dd>" in page


@pytest.fixture
def small(tmp_path: Path, writer: Any) -> Report:
    """Six runs, one of them running, where nothing can be normalised."""
    for seed in range(6):
        state = "running" if seed == 4 else "done"
        writer(tmp_path, [float(seed)] * 9, agent="a2c", env_id="CartPole-v1", seed=seed, state=state)
    return report(tmp_path, ["sweep"])


def test_the_same_runs_give_the_same_page(small: Report) -> None:
    assert html_report(small) == html_report(small)


def test_of_too_many_runs_those_that_are_not_done_can_be_looked_into(small: Report) -> None:
    page = html_report(small, max_detailed=2)
    assert [place[-6:] for place in drill_downs(page)] == ["seed-0", "seed-4"]
    assert "4 of 6 runs, all of them done, are too many" in page
    assert page.count('class="state ') == 6 + 2
    assert page.count('<a href="#run-') == 2


def test_a_sweep_without_an_episode(tmp_path: Path, writer: Any) -> None:
    writer(tmp_path, [], agent="a2c", state="pending")
    page = html_report(report(tmp_path, ["sweep"]))
    assert "No episodes to draw" in page
    assert "0 of 1</dd>" in page


def test_three_hundred_runs_stay_below_ten_megabytes(tmp_path: Path, writer: Any) -> None:
    log = "".join(f"{number}: {'a longer line & <more> of it ' * 6}\n" for number in range(50))
    returns = [float(number % 37) for number in range(120)]
    for agent in range(5):
        for env_id in ("Hopper-v5", "Walker2d-v5", "Ant-v5"):
            first = writer(tmp_path, returns, agent=f"agent{agent}", env_id=env_id, log=log)
            text = first.run_file.read_text()
            for seed in range(1, 20):
                copy = shutil.copytree(first.directory, first.directory.with_name(f"seed-{seed}"))
                (copy / "run.json").write_text(text.replace('"seed": 0', f'"seed": {seed}'))
    page = html_report(report(tmp_path, ["sweep"], baseline="agent0"))
    assert len(drill_downs(page)) == 300
    assert len(page.encode()) < 10_000_000


def test_names_in_figures_are_shown_as_they_are(tmp_path: Path, writer: Any) -> None:
    notes = ("$\\frac$", "a $x$ b", "\x1b[31mred")
    for seed in (0, 1):
        writer(tmp_path, range(150), agent="_Own-A2C", seed=seed)
        for number, note in enumerate(notes):
            arguments = {"identity": f"n{number}", "hyperparameters": {"note": note}}
            writer(tmp_path, range(150), agent="My-Agent", seed=seed, **arguments)
    content = report(tmp_path, ["sweep"])
    content.write(tmp_path / "out")
    page = html_report(content)
    assert "[31mred)<" in page
    for shown in ("_Own-A2C", *(f"My-Agent (note={note})" for note in notes[:2])):
        assert page.count(f">{shown}</text>") == len(content.figures()) - 1, shown  # but for the grid's
    assert "Sensitivity of My-Agent<" in page
