"""The page in a real browser: Debian's Chromium without a window, driven through its own driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import visibility_of
from selenium.webdriver.support.wait import WebDriverWait

from analysis.report import Report

WIDTHS = (400, 1600)
PATIENCE = 60
"""Seconds; a machine may have other work."""
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    browser, service = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if browser is None or service is None:
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = browser
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(service))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(page: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("browser") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def browser(driver: Chrome, address: str) -> Iterator[Chrome]:
    """The page anew, 1600 pixels wide and light; a message on the console fails the test."""
    show(driver)
    driver.get(address)
    yield driver
    driver.execute_script("localStorage.clear()")
    assert driver.get_log("browser") == []
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert driver.execute_script("return window.hacked === undefined")


def show(driver: Chrome, width: int = 1600, theme: str = "light", media: str = "screen") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [
        {"name": "prefers-color-scheme", "value": theme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    # The page hears of either later.
    settled = """return innerWidth === arguments[0] && matchMedia(arguments[1]).matches
        && matchMedia(`(prefers-color-scheme: ${arguments[2]})`).matches"""
    WebDriverWait(driver, PATIENCE).until(lambda d: d.execute_script(settled, width, media, theme))


@pytest.fixture
def hostile(content: Report) -> str:
    """The label that is markup."""
    (name,) = {setting.name for setting in content.settings if "<" in setting.name}
    return name


def column(driver: Chrome, table: str, title: str) -> tuple[Any, int]:
    """The button in a table's head, and the column's index."""
    buttons = driver.find_elements(By.CSS_SELECTOR, f"#{table}-table th button")
    index = [button.text for button in buttons].index(title)
    return buttons[index], index


def cells(driver: Chrome, table: str, index: int) -> list[str]:
    script = """const rows = [...document.querySelectorAll(arguments[0])];
        return rows.map((row) => row.cells[arguments[1]].textContent)"""
    return driver.execute_script(script, f"#{table}-table tbody tr", index)


def sorted_by(driver: Chrome, table: str) -> list[tuple[str, str]]:
    heads = driver.find_elements(By.CSS_SELECTOR, f"#{table}-table th[aria-sort]")
    return [(h.text, h.get_attribute("aria-sort")) for h in heads if h.get_attribute("aria-sort") != "none"]


def test_a_click_sorts_by_number_and_leaves_what_is_missing_last(browser: Chrome, content: Report) -> None:
    head, index = column(browser, "results", "Last 100")
    entries = [row[index] for row in content.table.rows]
    known = sorted(
        (e for e in entries if e.values["last_mean"] is not None), key=lambda e: e.values["last_mean"]
    )
    missing = [e.text for e in entries if e.values["last_mean"] is None]
    rising = [entry.text for entry in known]
    assert missing
    assert rising != sorted(rising)  # as text the order would be another
    assert sorted_by(browser, "results") == []
    head.click()
    assert cells(browser, "results", index) == rising + missing
    assert sorted_by(browser, "results") == [("Last 100", "ascending")]
    head.click()
    assert cells(browser, "results", index) == rising[::-1] + missing
    assert sorted_by(browser, "results") == [("Last 100", "descending")]


def test_the_keyboard_sorts_as_well(browser: Chrome, hostile: str) -> None:
    first, index = column(browser, "runs", "Environment")
    browser.execute_script("arguments[0].focus()", first)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert sorted_by(browser, "runs") == [("Agent", "ascending")]
    agents = list(dict.fromkeys(cells(browser, "runs", index + 1)))
    assert agents == [hostile, "a2c", "acktr (delta=0.001)", "acktr (delta=0.01)", "trpo"]
    browser.switch_to.active_element.send_keys(Keys.SPACE)
    assert sorted_by(browser, "runs") == [("Agent", "descending")]
    assert list(dict.fromkeys(cells(browser, "runs", index + 1))) == agents[::-1]


def test_sorting_keeps_rows_whole(browser: Chrome) -> None:
    script = "return [...document.querySelectorAll('#runs-table tbody tr')].map((row) => row.textContent)"
    before = browser.execute_script(script)
    column(browser, "runs", "Steps/s")[0].click()
    after = browser.execute_script(script)
    assert after != before
    assert sorted(after) == sorted(before)


def test_a_link_opens_its_run(browser: Chrome) -> None:
    link = browser.find_elements(By.CSS_SELECTOR, "#runs-table tbody a")[-1]
    target = browser.find_element(By.CSS_SELECTOR, link.get_attribute("hash"))
    body = target.find_element(By.CSS_SELECTOR, ".body")
    assert not body.is_displayed()
    link.click()
    WebDriverWait(browser, PATIENCE).until(
        visibility_of(body)
    )  # the page hears of its new address after the click
    assert 0 <= browser.execute_script("return arguments[0].getBoundingClientRect().top", target) < 900
    target.find_element(By.TAG_NAME, "summary").click()
    assert not body.is_displayed()
    browser.execute_script("arguments[0].click()", link)  # the address is the same already
    assert body.is_displayed()


def test_links_resolve(browser: Chrome) -> None:
    script = """return [...document.querySelectorAll('a')]
        .filter((link) => !document.getElementById(link.hash.slice(1))).map((link) => link.outerHTML)"""
    assert browser.execute_script(script) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(browser: Chrome, width: int) -> None:
    show(browser, width)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    wide = """return [...document.querySelectorAll('.scroll')]
        .filter((box) => box.scrollWidth > box.clientWidth)
        .filter((box) => getComputedStyle(box).overflowX !== 'auto' || box.tabIndex !== 0).length"""
    assert browser.execute_script(wide) == 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Chrome, width: int, theme: str) -> None:
    show(browser, width, theme)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    found = browser.execute_script(CONTRAST)
    assert found["texts"] > 500
    assert found["figureTexts"] > 20
    assert found["tooPale"] == []


def test_figures_follow_the_theme(browser: Chrome) -> None:
    script = """const style = getComputedStyle(document.querySelector('figure svg.themed'));
        return [style.fill, getComputedStyle(document.querySelector('figure svg.paper')).backgroundColor]"""
    assert browser.execute_script(script) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    show(browser, theme="dark")
    assert browser.execute_script(script) == ["rgb(230, 237, 243)", "rgb(255, 255, 255)"]


def test_the_button_changes_the_theme_for_good(browser: Chrome) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(ground)
    button = browser.find_element(By.ID, "theme")
    assert button.text == "Dark theme"
    button.click()
    dark = browser.execute_script(ground)
    assert (light, button.text) == ("rgb(255, 255, 255)", "Light theme")
    assert dark != light
    browser.refresh()
    assert browser.execute_script(ground) == dark
    browser.find_element(By.ID, "theme").click()
    assert browser.execute_script(ground) == light


def test_on_paper(browser: Chrome) -> None:
    browser.find_element(By.ID, "theme").click()  # dark, which nobody prints
    opened = browser.find_element(By.CSS_SELECTOR, "details.run")
    browser.execute_script("arguments[0].open = true", opened)
    warnings = browser.find_element(By.CSS_SELECTOR, "details.warnings")
    browser.execute_script("arguments[0].open = false", warnings)
    show(browser, width=960, media="print")  # of a landscape letter between its margins
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 960
    assert (
        browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    assert not browser.find_element(By.TAG_NAME, "nav").is_displayed()
    assert not browser.find_element(By.ID, "theme").is_displayed()
    assert browser.execute_script("return arguments[0].getBoundingClientRect().height", warnings) > 100
    assert opened.is_displayed()
    assert sum(run.is_displayed() for run in browser.find_elements(By.CSS_SELECTOR, "details.run")) == 1
    boxes = """return [...document.querySelectorAll('.scroll')]
        .filter((box) => getComputedStyle(box).overflowX === 'auto')"""
    assert browser.execute_script(boxes) == []
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert len(pdf) > 10_000
