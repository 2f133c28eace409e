"""What people look at, in a real Chromium: the report as a file, and the label in MLflow's own pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HEADINGS = [
    "In plain language",
    "Decision",
    "Label",
    "Lineage",
    "Differential privacy",
    "Membership inference",
    "Other attacks",
    "Attacks run and not run",
    "Privacy budget",
    "Approvals",
    "Decisions over time",
    "Gaps",
    "Bytes",
    "Audit log",
]
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The system's own browser, without a window."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A fresh page; `page.requested` and `page.complaints` say what it asked for and complained of."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.requested, opened.complaints = [], []
    opened.on("request", lambda request: opened.requested.append(request.url))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on(
        "console",
        lambda message: opened.complaints.append(message.text) if message.type == "error" else None,
    )
    yield opened
    context.close()


@pytest.fixture
def report(embedded: Any) -> Path:
    """The report of a version that was measured and denied."""
    embedded.register()
    visits = pd.read_csv(embedded.folder / "visits.csv").drop_duplicates()
    random = np.random.default_rng(1)
    drawn = pd.DataFrame({"age": random.integers(18, 90, 200), "bmi": random.normal(25, 4, 200).round(1)})
    drawn["ill"] = (drawn["age"] + random.normal(0, 20, 200) > 60).astype(int)
    others = pd.concat([visits, drawn]).drop_duplicates().iloc[len(visits) :]
    others.to_csv(embedded.folder / "others.csv", index=False)
    for command in (
        "assess models:/risk/1 --members visits.csv --non-members others.csv --target ill",
        "promote models:/risk/1 --to champion",
        "report models:/risk/1 --for production -o report.html",
    ):
        done = embedded.run(*command.split())
        assert done.returncode in (0, 1), done.stderr
    return Path(embedded.folder / "report.html")


def test_the_report_opens_without_a_network(page: Any, report: Path) -> None:
    """Nothing is fetched and nothing fails: the file is all there is."""
    page.goto(report.as_uri())

    assert [report.as_uri()] == page.requested
    assert [] == page.complaints
    assert "risk 1 – governance report" == page.title()
    assert HEADINGS == [heading.inner_text() for heading in page.locator("h2").all()]
    assert page.locator("svg").count() > 0
    assert page.get_by_text("denied", exact=False).first.is_visible()


def test_the_report_prints(page: Any, report: Path) -> None:
    """Paper is what a file for an authority ends on."""
    page.goto(report.as_uri())

    printed = page.pdf(format="A4")

    assert b"%PDF-" == printed[:5]
    assert b"%%EOF" == printed.rstrip()[-5:]
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", printed))


def test_the_report_fits_a_phone(page: Any, report: Path) -> None:
    """At 390 pixels only tables and drawings scroll, inside their own frames; the page does not."""
    page.set_viewport_size(PHONE)
    page.goto(report.as_uri())

    scroll, client = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )

    assert scroll <= client


def test_mlflow_s_own_page_shows_the_label(page: Any, serve: Callable[..., Any]) -> None:
    """Whoever looks at the version in MLflow sees its label; nobody has to know the plugin."""
    server = serve()
    server.register()

    page.goto(f"{server.tracking_uri}/#/models/risk/versions/1")
    page.get_by_text("governance.label").first.wait_for(timeout=60_000)

    assert page.get_by_text("confidential · personal · health").first.is_visible()
