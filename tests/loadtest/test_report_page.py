"""`report.html` of a real run in a real browser: on a phone and at a desk, with many stages of long names."""

import re

import pytest

from campaign.charts import fitted
from campaign.numbers import spoken
from loadtest.report import NAME_COLUMNS
from surgeplan.cli import main
from tests.loadtest.conftest import SETTINGS, read
from tests.pictures import badly_placed, english_words, on_a_phone, too_small
from tests.warroom.phones import chromium, is_as_wide_as_a_phone

__all__ = ["chromium"]
pytestmark = pytest.mark.slow

STAGES = [f"recommendation-of-the-second-generation-{i}" for i in range(12)]
SHORT = [fitted(name, NAME_COLUMNS) for name in STAGES]


@pytest.fixture(params=["en", "zh"])
def report(request, workspace):
    """A run of three seconds along a funnel of twelve stages; its folder and its language."""
    stages = [f'  - {{stage: {name}, endpoint: "GET /{name}", requests: {{storefront: 1}}}}' for name in STAGES]
    settings = workspace / "surgeplan.yaml"
    settings.write_text(SETTINGS.partition("funnel:")[0] + "\n".join(["funnel:", *stages, ""]), "utf-8")
    plan = workspace / "campaigns/opening.yaml"
    plan.write_text(plan.read_text("utf-8") + "name: 双11 开门红\n", "utf-8")
    asked = ["opening", "--workspace", str(workspace), "--lang", request.param]
    assert main(["loadtest", "build", *asked, "--seconds", "3"]) == 0
    main(["loadtest", "run", *asked, "--practice"])
    return workspace / "out/opening/loadtest", request.param


def test_the_report_is_read_on_a_phone_in_the_readers_language(chromium, report):
    folder, language = report
    page = on_a_phone(chromium, folder / "report.html")
    assert is_as_wide_as_a_phone(page)
    assert too_small(page) == []
    assert badly_placed(page) == []
    results, text = read(folder / "results.json"), page.inner_text("body")
    heading = page.inner_text("h1")
    labels = {"INVALID": "作废", "INCONCLUSIVE": "不能定论"}
    outcome = results["outcome"]
    assert heading.startswith(outcome if language == "en" else labels.get(outcome, outcome))
    assert "双11 开门红" in text
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d \(Asia/Shanghai\)", text)
    if language == "zh":
        assert (
            english_words(page, *STAGES, *SHORT, "storefront", "checkout", "Asia/Shanghai", "http", "Prometheus")
            == set()
        )


def test_the_picture_draws_the_worst_stages_and_the_table_has_all_with_the_records_figures(chromium, report):
    folder, _language = report
    page = on_a_phone(chromium, folder / "report.html")
    drawn = [text for text in page.locator("svg text").all_text_contents() if text in SHORT]
    assert len(set(drawn)) == 6
    rows = {cells[0].split()[0]: cells for cells in map(cells_of, page.locator("table").last.locator("tr").all()[1:])}
    endpoints = {endpoint["stage"]: endpoint for endpoint in read(folder / "results.json")["endpoints"]}
    assert list(rows) == list(endpoints) == STAGES
    for name, endpoint in endpoints.items():
        assert int(rows[name][4].replace(",", "")) == endpoint["sent"]
        assert float(rows[name][1].replace(",", "")) == pytest.approx(endpoint["response_ms"]["p99"], rel=0.01)
    service = read(folder / "results.json")["services"]["storefront"]
    assert spoken(service["requests_per_second"], "en") in page.inner_text("body")


def cells_of(row):
    return [cell.inner_text() for cell in row.locator("td").all()]
