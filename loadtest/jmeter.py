"""The scenario as a JMeter test plan: an Open Model Thread Group (JMeter 5.5 and later) plays the same rates.

Schedule: `rate(a/sec) random_arrivals(n sec) rate(b/sec)` is a line from a to b; two rates in a row are a jump
(jmeter.apache.org, component reference, Open Model Thread Group). JMeter draws its own arrivals, and it counts latency
from sending: what a stalled target keeps from being sent is not in its figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from loadtest.scenario import Scenario, ScenarioStage, Segment, Stream

PLAN = "plan.jmx"
PLACEHOLDER = re.compile(r"{(\w+)}")
WRITES = ("POST", "PUT", "PATCH")


def jmeter_plan(scenario: Scenario, feeders: frozenset[str]) -> str:
    """The plan's XML. `feeders` are the names of data/<name>.csv; other placeholders become random numbers.

    Host, port and protocol are properties: `jmeter -n -t plan.jmx -Jhost=shop.staging -l run.jtl`.
    """
    root = Xml.Element("jmeterTestPlan", version="1.2", properties="5.0", jmeter="5.6.3")
    outer = Xml.SubElement(root, "hashTree")
    plan = _element(outer, "TestPlan", "TestPlanGui", "TestPlan", f"surgeplan {scenario.campaign}")
    _property(plan, "bool", "TestPlan.functional_mode", "false")
    _property(plan, "bool", "TestPlan.serialize_threadgroups", "false")
    _arguments(plan, "TestPlan.user_defined_variables", {})
    tree = Xml.SubElement(outer, "hashTree")
    _defaults(tree, scenario)
    _headers(tree, scenario)
    _cookies(tree)
    for name in sorted(feeders & _placeholders(scenario.stages)):
        _feeder(tree, name)
    for number, stream in enumerate(scenario.streams):
        _thread_group(tree, scenario, stream, number, feeders)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def schedule_text(segments: Sequence[Segment], arrivals: str) -> str:
    """The rates of a stream in JMeter's words; gaps between segments are pauses."""
    kind = "even_arrivals" if arrivals == "even" else "random_arrivals"
    words, at = [], 0
    for segment in segments:
        if segment.from_seconds > at:
            words.append(f"pause({segment.from_seconds - at} sec)")
        rate = f"rate({segment.arrivals_per_second:.6g}/sec)"
        if segment.arrivals_per_second > 0:
            words.append(f"{rate} {kind}({segment.seconds} sec) {rate}")
        else:
            words.append(f"pause({segment.seconds} sec)")
        at = segment.from_seconds + segment.seconds
    return " ".join(words)


def _thread_group(tree: Xml.Element, scenario: Scenario, stream: Stream, number: int, feeders: frozenset[str]) -> None:
    group = _element(tree, "OpenModelThreadGroup", "OpenModelThreadGroupGui", "OpenModelThreadGroup", stream.stream)
    Xml.SubElement(
        group, "elementProp", name="ThreadGroup.main_controller", elementType="OpenModelThreadGroupController"
    )
    # A visitor whose request failed does not go on.
    _property(group, "string", "ThreadGroup.on_sample_error", "stopthread")
    _property(group, "string", "OpenModelThreadGroup.schedule", schedule_text(stream.segments, scenario.arrivals))
    _property(group, "long", "OpenModelThreadGroup.random_seed", str(scenario.seed + number + 1))
    inside = Xml.SubElement(tree, "hashTree")
    first = scenario.stage_index(stream.stage)
    stages = scenario.stages[first:] if stream.goes_on else scenario.stages[first : first + 1]
    for before, stage in zip((None, *stages), stages, strict=False):
        if before is not None:
            inside = _goes_on(inside, before)
        _sampler(inside, stage, before, feeders)


def _goes_on(tree: Xml.Element, stage: ScenarioStage) -> Xml.Element:
    """What only the share of visitors that continue does."""
    controller = _element(tree, "IfController", "IfControllerPanel", "IfController", f"after {stage.stage}")
    _property(
        controller, "string", "IfController.condition", f"${{__groovy(Math.random() < {stage.continues_ratio:.6g})}}"
    )
    _property(controller, "bool", "IfController.evaluateAll", "false")
    _property(controller, "bool", "IfController.useExpression", "true")
    return Xml.SubElement(tree, "hashTree")


def _sampler(tree: Xml.Element, stage: ScenarioStage, before: ScenarioStage | None, feeders: frozenset[str]) -> None:
    sampler = _element(tree, "HTTPSamplerProxy", "HttpTestSampleGui", "HTTPSamplerProxy", stage.stage)
    body = {"": "{}"} if stage.method in WRITES else {}
    _property(sampler, "bool", "HTTPSampler.postBodyRaw", "true" if body else "false")
    _arguments(sampler, "HTTPsampler.Arguments", body)
    _property(
        sampler, "string", "HTTPSampler.path", PLACEHOLDER.sub(lambda found: _filled(found[1], feeders), stage.path)
    )
    _property(sampler, "string", "HTTPSampler.method", stage.method)
    # A redirect may lead to another host.
    _property(sampler, "bool", "HTTPSampler.follow_redirects", "false")
    _property(sampler, "bool", "HTTPSampler.use_keepalive", "true")
    inside = Xml.SubElement(tree, "hashTree")
    if before is not None and before.think_seconds > 0:
        timer = _element(inside, "ConstantTimer", "ConstantTimerGui", "ConstantTimer", "think time")
        mean_ms = f"{1000 * before.think_seconds:.6g}"
        delay = f"${{__groovy((-Math.log(1 - Math.random()) * {mean_ms}) as long)}}"
        _property(timer, "string", "ConstantTimer.delay", delay)
        Xml.SubElement(inside, "hashTree")


def _filled(name: str, feeders: frozenset[str]) -> str:
    return f"${{{name}}}" if name in feeders else "${__Random(1,1000)}"


def _placeholders(stages: Sequence[ScenarioStage]) -> frozenset[str]:
    return frozenset(name for stage in stages for name in PLACEHOLDER.findall(stage.path))


def _defaults(tree: Xml.Element, scenario: Scenario) -> None:
    defaults = _element(tree, "ConfigTestElement", "HttpDefaultsGui", "ConfigTestElement", "target")
    _arguments(defaults, "HTTPsampler.Arguments", {})
    _property(defaults, "string", "HTTPSampler.domain", "${__P(host,127.0.0.1)}")
    _property(defaults, "string", "HTTPSampler.port", "${__P(port,)}")
    _property(defaults, "string", "HTTPSampler.protocol", "${__P(protocol,http)}")
    timeout_ms = str(round(1000 * scenario.timeout_seconds))
    _property(defaults, "string", "HTTPSampler.connect_timeout", timeout_ms)
    _property(defaults, "string", "HTTPSampler.response_timeout", timeout_ms)
    Xml.SubElement(tree, "hashTree")


def _headers(tree: Xml.Element, scenario: Scenario) -> None:
    """The same marks that every request of a run carries."""
    manager = _element(tree, "HeaderManager", "HeaderPanel", "HeaderManager", "load test marks")
    collection = Xml.SubElement(manager, "collectionProp", name="HeaderManager.headers")
    marks = {
        "User-Agent": f"surgeplan-load-test/{scenario.marker} PerfomanceTest",
        "X-Load-Test": scenario.marker,
        "baggage": f"loadtest={scenario.marker}",
    }
    if any(stage.method in WRITES for stage in scenario.stages):
        marks["Content-Type"] = "application/json"
    for name, value in marks.items():
        header = Xml.SubElement(collection, "elementProp", name=name, elementType="Header")
        _property(header, "string", "Header.name", name)
        _property(header, "string", "Header.value", value)
    Xml.SubElement(tree, "hashTree")


def _cookies(tree: Xml.Element) -> None:
    manager = _element(tree, "CookieManager", "CookiePanel", "CookieManager", "cookies of each visitor")
    Xml.SubElement(manager, "collectionProp", name="CookieManager.cookies")
    _property(manager, "bool", "CookieManager.clearEachIteration", "true")
    Xml.SubElement(tree, "hashTree")


def _feeder(tree: Xml.Element, name: str) -> None:
    """data/<name>.csv; its first line names its columns."""
    feeder = _element(tree, "CSVDataSet", "TestBeanGUI", "CSVDataSet", name)
    for key, value in (("filename", f"data/{name}.csv"), ("delimiter", ","), ("fileEncoding", "UTF-8"),
                       ("shareMode", "shareMode.all"), ("variableNames", "")):  # fmt: skip
        _property(feeder, "string", key, value)
    for key, value in (
        ("recycle", "true"),
        ("stopThread", "false"),
        ("ignoreFirstLine", "false"),
        ("quotedData", "true"),
    ):
        _property(feeder, "bool", key, value)
    Xml.SubElement(tree, "hashTree")


def _element(tree: Xml.Element, tag: str, gui: str, test: str, name: str) -> Xml.Element:
    return Xml.SubElement(tree, tag, guiclass=gui, testclass=test, testname=name, enabled="true")


def _property(parent: Xml.Element, kind: str, name: str, value: str) -> None:
    Xml.SubElement(parent, f"{kind}Prop", name=name).text = value


def _arguments(parent: Xml.Element, name: str, values: dict[str, str]) -> None:
    arguments = Xml.SubElement(
        parent, "elementProp", name=name, elementType="Arguments", guiclass="HTTPArgumentsPanel", testclass="Arguments"
    )
    collection = Xml.SubElement(arguments, "collectionProp", name="Arguments.arguments")
    for key, value in values.items():
        argument = Xml.SubElement(collection, "elementProp", name=key, elementType="HTTPArgument")
        _property(argument, "bool", "HTTPArgument.always_encode", "false")
        _property(argument, "string", "Argument.value", value)
        _property(argument, "string", "Argument.metadata", "=")
