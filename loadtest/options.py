"""Options of the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.language import _

Campaign = Annotated[str, typer.Argument(metavar="ID", help=_("The campaign."))]
QuantileOption = Annotated[str, typer.Option("--quantile", help=_("p50, p90 or p99: p90 for the go-live decision."))]
PathOption = Annotated[str | None, typer.Option("--path", metavar="worst", help=_("The worst sample path instead."))]
AroundOption = Annotated[
    str | None,
    typer.Option("--around", metavar="TIME", help=_("Centre of the window, such as 2026-11-10T20:00+08:00.")),
]
MinutesOption = Annotated[
    int | None, typer.Option("--minutes", min=1, help=_("Length of the window, 60 where left out."))
]
ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        metavar="replay|ramp|soak|breakpoint|spike|limits",
        help=_("The campaign's own curve, with a spike on top, or another shape at its peak."),
    ),
]
AdmittedOption = Annotated[
    float | None,
    typer.Option("--admitted", min=0.001, help=_("Profile limits: requests per second let in; else the playbook's.")),
]
LimitedOption = Annotated[str | None, typer.Option("--service", help=_("Profile limits: the service protected."))]
RefusalOption = Annotated[
    int, typer.Option("--refusal-code", min=400, max=599, help=_("Profile limits: status of what is turned away."))
]
SecondsOption = Annotated[
    int | None, typer.Option("--seconds", min=2, help=_("Length in seconds, for a short run around the peak."))
]
WholeOption = Annotated[bool, typer.Option("--whole", help=_("The whole campaign instead of a window."))]
CompressOption = Annotated[
    int, typer.Option("--compress", help=_("Play the quiet parts this many times as fast, up to 10."))
]
ScaleOption = Annotated[
    float | None, typer.Option("--scale", help=_("Share of the forecast to send; it then proves nothing about it."))
]
EvenOption = Annotated[bool, typer.Option("--even", help=_("Evenly spaced arrivals instead of random ones."))]
DriveOption = Annotated[
    str | None,
    typer.Option(
        "--drive",
        metavar="journeys|endpoints",
        help=_("Visits through the funnel, or each endpoint on its own curve."),
    ),
]
WritesOption = Annotated[
    bool, typer.Option("--allow-writes", help=_("Let journeys send POST, PUT, PATCH and DELETE off this machine."))
]
HostOption = Annotated[str | None, typer.Option("--host", metavar="URL", help=_("The system under test."))]
PracticeOption = Annotated[bool, typer.Option("--practice", help=_("A built-in local target instead."))]
PracticeWorkersOption = Annotated[int, typer.Option("--practice-workers", min=1, help=_("Its workers."))]
PracticeServiceOption = Annotated[
    float,
    typer.Option("--practice-service-ms", min=0.01, help=_("Its time for each request; capacity is workers / time.")),
]
PracticeExponentialOption = Annotated[
    bool, typer.Option("--practice-exponential", help=_("Exponential service times instead of constant ones."))
]
PracticePortOption = Annotated[
    int, typer.Option("--practice-port", min=0, max=65535, help=_("Its port; any free one where left out."))
]
PracticeAdmitsOption = Annotated[
    float | None,
    typer.Option(
        "--practice-admits",
        min=0.001,
        help=_("It turns away more requests a second than this; in the profile limits, what was agreed."),
    ),
]
ConfirmOption = Annotated[
    str | None, typer.Option("--confirm", metavar="HOST", help=_("Repeat the host when it is not this machine."))
]
CampaignOption = Annotated[
    str | None, typer.Option("--campaign", metavar="ID", help=_("Whose mix of requests to send."))
]
ReplicasOption = Annotated[
    int, typer.Option("--replicas", min=1, max=64, help=_("How many replicas the host has: measure 1, then 2 and 4."))
]
StepsFileOption = Annotated[
    Path | None,
    typer.Option("--from-steps", metavar="FILE", help=_("Steps measured elsewhere: offered_per_second, p99_ms.")),
]
PastPeaksOption = Annotated[
    bool, typer.Option("--from-prometheus", help=_("The best that past peaks carried, as a lower bound."))
]
SourceOption = Annotated[
    str | None, typer.Option("--source", help=_("Which of the sources; the first Prometheus where left out."))
]
P99QueryOption = Annotated[
    str | None, typer.Option("--p99-query", help=_("PromQL of p99 in ms; SERVICE stands for the name."))
]
ReplicasQueryOption = Annotated[
    str | None,
    typer.Option("--replicas-query", help=_("PromQL of the number of replicas; SERVICE stands for the name.")),
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help=_("Look back to here instead of at past campaigns."))
]
StepSecondsOption = Annotated[
    int, typer.Option("--step-seconds", min=3, max=600, help=_("Length of each measured step after its warm-up."))
]
MaxRateOption = Annotated[
    float, typer.Option("--max-rate", min=1, help=_("Never offer more requests per second than this."))
]
ImageOption = Annotated[
    str | None, typer.Option("--image", help=_("What is being measured, such as an image and its tag."))
]
DigestOption = Annotated[
    str | None, typer.Option("--image-digest", metavar="sha256:…", help=_("Digest of the image under test."))
]
VersionOption = Annotated[str | None, typer.Option("--target-version", help=_("Version of what is under test."))]
ProcessesOption = Annotated[
    int, typer.Option("--processes", min=1, max=64, help=_("Sending processes, one core each."))
]
HarOption = Annotated[
    Path | None,
    typer.Option("--har", metavar="FILE", help=_("Draft the locustfile from a visit that a browser recorded.")),
]
ExportOption = Annotated[
    str | None,
    typer.Option("--export", metavar="jmx|kubernetes", help=_("Also as a JMeter plan, or as manifests for a cluster.")),
]
ClusterHostOption = Annotated[
    str | None, typer.Option("--host", metavar="URL", help=_("Export kubernetes: the system under test."))
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, max=500, help=_("Export kubernetes: sending pods, one core each."))
]
CidrOption = Annotated[
    list[str] | None,
    typer.Option("--target-cidr", metavar="CIDR", help=_("Export kubernetes: the network of the target; repeatable.")),
]
PracticeWithOption = Annotated[
    list[str] | None,
    typer.Option(
        "--practice-with",
        metavar="stall|cold-start|memory=N",
        help=_("It stalls for N s, is cold for N s, or is killed with N requests inside; repeatable."),
    ),
]
RateCapOption = Annotated[
    float | None, typer.Option("--max-rate", min=0.001, help=_("Refuse a run that sends more a second."))
]
MinutesCapOption = Annotated[
    float | None, typer.Option("--max-minutes", min=0.001, help=_("Refuse a run that lasts longer."))
]
AbortErrorsOption = Annotated[
    float, typer.Option("--abort-errors", min=0, max=1, help=_("Stop when more than this share of ten seconds fails."))
]
AbortSlowOption = Annotated[
    float,
    typer.Option("--abort-slow", min=0, max=1, help=_("Stop when more than this share is slower than its objective.")),
]
