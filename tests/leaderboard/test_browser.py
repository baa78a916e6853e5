"""The site in Chromium: sorting, filters, transcripts, downloads, no script, accessibility, phone width, hostile text.

Without chromium and chromedriver these tests are skipped, visibly; continuous integration installs both.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium", "chromedriver")]
PHONE, DESKTOP = 390, 1280


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(site.folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.binary_location = str(CHROMIUM)
    made = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield made
    made.quit()


@pytest.fixture
def browser(driver: Any) -> Any:
    size(driver, DESKTOP)
    scripts(driver, True)
    return driver


def size(driver: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def scripts(driver: Any, on: bool) -> None:
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not on})


def scheme(driver: Any, name: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": name}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def first(driver: Any, selector: str) -> Any:
    return driver.find_element("css selector", selector)


def column(driver: Any, selector: str) -> list[str]:
    cells = driver.find_elements("css selector", f"section.tab.current tbody tr:not([hidden]) {selector}")
    return [cell.get_attribute("data-v") for cell in cells]


def wait(driver: Any, until: Any, seconds: float = 20) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds, poll_frequency=0.1).until(until)


def some_pages(site: Any) -> list[str]:
    row = next(e.id for tab in site.tabs for e in tab.entries if e.kind == "skill")
    names = (
        "training-optimization--which-optimizer",
        "training-optimization--hostile-prompt",
        "training-optimization--held-out",
    )
    return [
        "index.html",
        f"rows/{row}.html",
        *(f"scenarios/{n}.html" for n in names),
        "scenarios/index.html",
        "methods.html",
    ]


def test_rows_are_sorted_by_click_and_by_keyboard(browser, site) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get((site.folder / "index.html").as_uri())  # from the file system, as from a server
    button = first(browser, "section.tab.current th:nth-child(3) button")
    button.click()
    values = [float(v) for v in column(browser, "td.value")]
    assert values == sorted(values, reverse=True)
    assert first(browser, "section.tab.current th:nth-child(3)").get_attribute("aria-sort") == "descending"
    button.send_keys(Keys.ENTER)
    assert [float(v) for v in column(browser, "td.value")] == sorted(values)
    models = first(browser, "section.tab.current th:nth-child(2) button")
    models.send_keys(Keys.SPACE)
    assert column(browser, "th") == sorted(column(browser, "th"))
    assert first(browser, "section.tab.current th:nth-child(3)").get_attribute("aria-sort") == "none"


def test_rows_are_filtered_by_pressure_and_tab(browser, address, site) -> None:
    from selenium.webdriver.support.ui import Select

    browser.get(f"{address}/index.html")
    main = next(tab for tab in site.tabs if len(tab.entries) > 2)
    entry = next(e for e in main.entries if e.model == "mockllm/good" and e.label.endswith(" 1"))
    selector = f"tr[id='{entry.id}']"
    first(browser, f".tabs a[href='#{main.id}']").click()
    before = first(browser, f"{selector} .value").text
    Select(first(browser, "#filter-pressure")).select_by_visible_text("time")
    assert first(browser, f"{selector} .value").text.startswith("75 %") != before.startswith("75 %")
    assert first(browser, f"{selector} .delta").text.strip().startswith("+50")
    assert "6 rows" in first(browser, "#filter-said").text
    Select(first(browser, "#filter-split")).select_by_visible_text("private")
    assert column(browser, "td.value") == []
    other = next(tab for tab in site.tabs if tab is not main)
    first(browser, f".tabs a[href='#{other.id}']").click()
    assert first(browser, "section.tab.current").get_attribute("id") == other.id
    Select(first(browser, "#filter-pressure")).select_by_visible_text("all")
    assert len(column(browser, "td.value")) == 2


def test_from_a_value_to_the_transcript_behind_it(browser, address) -> None:
    browser.get(f"{address}/index.html")
    first(browser, "section.tab.current tbody td.value a").click()
    wait(browser, lambda d: "/rows/" in d.current_url)
    mark = first(browser, "#answers a.m.y")
    sample = mark.get_attribute("href")
    mark.click()
    wait(browser, lambda d: "NEXT:" in first(d, "body").text)
    text = first(browser, "body").text
    assert "/samples/sample/" in sample
    assert "Epoch 1" in text


def test_downloads_are_there(browser, address) -> None:
    browser.get(f"{address}/index.html")
    targets = [
        a.get_attribute("href") for a in browser.find_elements("css selector", "#downloads a[download]")
    ]
    sizes = browser.execute_async_script(
        "const done = arguments[1]; Promise.all(arguments[0].map(u => fetch(u).then(r => r.ok ? r.arrayBuffer() : null)"
        ".then(b => b ? b.byteLength : 0))).then(done)",
        targets,
    )
    assert len(targets) == 8
    assert min(sizes) > 500


def test_everything_can_be_read_without_a_script(browser, site) -> None:
    scripts(browser, False)
    browser.get((site.folder / "index.html").as_uri())
    sections = browser.find_elements("css selector", "section.tab")
    assert all(section.is_displayed() for section in sections)
    assert not first(browser, ".filters").is_displayed()
    assert first(browser, "section.tab td.value a").is_displayed()
    scripts(browser, True)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(browser, address, site, colours: str) -> None:
    spec = find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.submodule_search_locations
    axe = (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text("utf-8")
    scheme(browser, colours)
    found = []
    for page in some_pages(site):
        for width in (DESKTOP, PHONE) if page == "index.html" else (DESKTOP,):
            size(browser, width)
            browser.get(f"{address}/{page}")
            browser.execute_script(axe)
            result = browser.execute_async_script("const done = arguments[0]; axe.run().then(done)")
            found += [
                f"{page}: {v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in result["violations"]
            ]
    scheme(browser, "light")
    assert found == []


def test_no_page_scrolls_sideways_on_a_phone(browser, address, site) -> None:
    size(browser, PHONE)
    wide = []
    for page in some_pages(site):
        browser.get(f"{address}/{page}")
        if browser.execute_script("return document.documentElement.scrollWidth") > PHONE:
            wide.append(page)
    assert wide == []


def test_nothing_moves_while_the_index_loads(browser, address) -> None:
    browser.get(f"{address}/index.html")
    shift = browser.execute_async_script(
        "const done = arguments[0]; let sum = 0;"
        "new PerformanceObserver(l => { for (const e of l.getEntries()) sum += e.value; })"
        ".observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(sum), 300)"
    )
    assert shift < 0.01


def test_hostile_text_neither_runs_nor_breaks_a_page(browser, address) -> None:
    browser.get(f"{address}/scenarios/training-optimization--hostile-prompt.html")
    assert browser.execute_script("return window.hacked") is None
    assert browser.title.startswith("training-optimization/hostile-prompt")
    assert "javascript:window.hacked=3" in first(browser, "pre.text").text
    assert first(browser, "footer").is_displayed()
    assert (
        browser.execute_script("return [...document.links].filter(a => a.protocol === 'javascript:').length")
        == 0
    )
