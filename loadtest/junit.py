"""`junit.xml`: one test case for each endpoint and one for the run's validity, as every CI reads it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

from campaign.files import write_text
from loadtest.results import EndpointResult, Results

ENDPOINT_CODES = frozenset(("slow", "errors", "too-close", "errors-close", "no-replies"))


def write_junit(path: Path, results: Results) -> None:
    """NO-GO is a failure, INVALID an error, INCONCLUSIVE skipped."""
    suite = Xml.Element("testsuite", name=f"surgeplan loadtest {results.campaign}")
    validity = Xml.SubElement(suite, "testcase", classname=results.campaign, name="the run is valid")
    invalid = [reason.what for reason in results.reasons if reason.code not in ENDPOINT_CODES]
    if invalid:
        Xml.SubElement(validity, "error", message="; ".join(invalid))
    for endpoint in results.endpoints:
        _case(suite, results.campaign, endpoint, bool(invalid))
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    Xml.indent(suite)
    write_text(path, Xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n")


def _case(suite: Xml.Element, campaign: str, endpoint: EndpointResult, invalid: bool) -> None:
    case = Xml.SubElement(suite, "testcase", classname=campaign, name=f"{endpoint.stage} {endpoint.endpoint}")
    p99 = f"{endpoint.response_ms.p99:.4g} ms" if endpoint.response_ms else "none"
    figures = f"p99 {p99} of {endpoint.p99_objective_ms:g} ms, {endpoint.failed} of {endpoint.sent} failed"
    if invalid or endpoint.outcome == "INCONCLUSIVE":
        Xml.SubElement(case, "skipped", message=figures)
    elif endpoint.outcome == "NO-GO":
        Xml.SubElement(case, "failure", message=figures)
