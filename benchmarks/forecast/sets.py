"""Real series with known events, as evidence and plans; nothing of the data is kept here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from sets_made import promotions

from campaign.plan import Moment, Plan
from campaign.settings import Service, Settings
from forecast.epochs import epoch, epochs, naive_utc
from forecast.evidence import Evidence, learning_spans
from forecast.uplift.episodes import Stretch

HOUR = 3600
PEYTON_PLAYOFFS = (
    "2008-01-13", "2009-01-03", "2010-01-16", "2010-01-24", "2010-02-07", "2011-01-08", "2013-01-12", "2014-01-12",
    "2014-01-19", "2014-02-02", "2015-01-11", "2016-01-17",
)  # fmt: skip
PEYTON_SUPERBOWLS = ("2010-02-07", "2014-02-02")
MELBOURNE_HOLIDAYS = (
    "2015-01-01", "2015-01-26", "2015-03-09", "2015-04-03", "2015-04-06", "2015-06-08", "2015-10-02", "2015-11-03",
    "2015-12-25", "2015-12-26", "2016-01-01", "2016-01-26", "2016-03-14", "2016-03-25", "2016-03-28", "2016-04-25",
    "2016-06-13", "2016-09-30", "2016-11-01", "2016-12-25", "2016-12-26",
)  # fmt: skip
MASTODON_NEWS = (
    "2018-12-04",
    "2018-12-17",
    "2019-04-02",
    "2019-11-07",
    "2021-01-08",
    "2022-04-25",
    "2022-10-27",
    "2022-11-04",
)
FEASTS = ("12-25", "12-26", "01-01")
NIGHT = timedelta(hours=8)
UNSEEN_SEEDS = (6, 7, 8, 9)


@dataclass(frozen=True)
class DataSet:
    """A series or several, events as plans, and whether the events are surges or mild."""

    name: str
    surge: bool
    evidence: Evidence
    plans: tuple[Plan, ...]
    settings: Settings


def data_sets(folder: Path, names: Sequence[str]) -> Iterator[DataSet]:
    """The data sets of these names; those whose folder is missing are left out."""
    for name in names:
        if (folder / MAKERS[name][0]).is_dir():
            yield data_set(folder, name)


def data_set(folder: Path, name: str) -> DataSet:
    """One data set by its name in the tables."""
    where, make = MAKERS[name]
    return make(folder / where)


def world_cup(folder: Path) -> DataSet:
    from surgeplan.examples.worldcup98 import CALENDAR, match_plans, read_calendar

    frame = pd.read_csv(folder / "requests_per_minute.csv.gz", parse_dates=["ts_utc"])
    plans = tuple(match_plans(read_calendar(folder / CALENDAR, [])))
    minutes = pd.Series(frame["requests"].to_numpy(dtype=np.float64) / 60.0, index=pd.DatetimeIndex(frame["ts_utc"]))
    return _set("worldcup98", True, {"web": minutes}, 60, plans, "Europe/Paris", "FR")


def melbourne(folder: Path) -> DataSet:
    """The event precinct: days and nights of matches and festivals, by class."""
    frame = pd.read_csv(folder / "pedestrians_hourly.csv.gz", parse_dates=["ts_local"])
    frame = frame[frame["sensor"] == "Birrarung Marr"]
    counts = pd.Series(frame["count"].to_numpy(dtype=np.float64) / HOUR, index=pd.DatetimeIndex(frame["ts_local"]))
    counts = counts[~counts.index.duplicated()]
    events = pd.read_csv(folder / "events_calendar.csv")
    plans = []
    for row in events.itertuples():
        starts = datetime.fromisoformat(str(row.start)).replace(tzinfo=UTC)
        ends = datetime.fromisoformat(str(row.end)).replace(tzinfo=UTC) + timedelta(days=1)
        if "New Year" in str(row.event):
            starts += timedelta(hours=12)
        kind = _melbourne_kind(str(row.event))
        plans.append(Plan(id=f"{kind}-{starts:%Y%m%d}", kind=kind, starts_at=starts, ends_at=ends))
    return _set("melbourne", True, {"walkers": counts}, HOUR, tuple(plans), "UTC", None)


def _melbourne_kind(event: str) -> str:
    words = {
        "Open": "tennis",
        "MCG": "stadium",
        "New Year": "new-year",
        "White Night": "festival",
        "Moomba": "festival",
    }
    return next((kind for word, kind in words.items() if word in event), "holiday")


def melbourne_holidays(folder: Path) -> DataSet:
    """The other three sensors on public holidays: streets and stations, mostly emptier than usual."""
    frame = pd.read_csv(folder / "pedestrians_hourly.csv.gz", parse_dates=["ts_local"])
    table = frame.drop_duplicates(["ts_local", "sensor"]).pivot(index="ts_local", columns="sensor", values="count")
    counts = table.drop(columns="Birrarung Marr").asfreq("h") / HOUR
    series = {str(name).split()[0]: counts[name] for name in counts.columns}
    plans = tuple(_day_plan(day, "feast" if day[5:] in FEASTS else "holiday") for day in MELBOURNE_HOLIDAYS)
    return _set("melbourne-holidays", False, series, HOUR, plans, "UTC", None)


def taxi(folder: Path) -> DataSet:
    """New York's holidays: two-hundred days, few events, mild ones."""
    frame = pd.read_csv(folder / "passengers_30min.csv.gz", parse_dates=["ts_local"])
    rides = pd.Series(
        frame["passengers"].to_numpy(dtype=np.float64) / 1800.0, index=pd.DatetimeIndex(frame["ts_local"])
    )
    days = {
        "2014-07-04": "day", "2014-09-01": "day", "2014-10-13": "day", "2014-11-02": "marathon", "2014-11-11": "day",
        "2014-11-27": "feast", "2014-12-25": "feast", "2015-01-01": "feast", "2015-01-19": "day",
    }  # fmt: skip
    plans = tuple(_day_plan(day, kind) for day, kind in days.items())
    return _set("nyc-taxi", False, {"rides": rides}, 1800, plans, "UTC", None)


def peyton(folder: Path) -> DataSet:
    """A player's page on Wikipedia, by day: the play-offs and the day after."""
    frame = pd.read_csv(folder / "wiki_peyton_manning.csv.gz", parse_dates=["ds"])
    daily = pd.Series(frame["views"].to_numpy(dtype=np.float64) / 86400.0, index=pd.DatetimeIndex(frame["ds"]))
    daily = daily[daily.index >= pd.Timestamp("2008-06-01")]
    hourly = daily.reindex(pd.date_range(daily.index[0], daily.index[-1] + pd.Timedelta(hours=23), freq="h"))
    hourly = hourly.ffill(limit=23)
    plans = []
    for day in PEYTON_PLAYOFFS:
        kind = "superbowl" if day in PEYTON_SUPERBOWLS else "playoff"
        starts = datetime.fromisoformat(day).replace(tzinfo=UTC)
        plans.append(Plan(id=f"{kind}-{day}", kind=kind, starts_at=starts, ends_at=starts + timedelta(days=2)))
    return _set("wikipedia-peyton", True, {"views": hourly}, HOUR, tuple(plans), "UTC", None)


def mastodon(folder: Path) -> DataSet:
    """Sign-ups of a whole network: days on which news about its rivals was due or broke."""
    frame = pd.read_csv(folder / "mastodon_hourly.csv.gz", parse_dates=["ts_utc"])
    people = pd.Series(
        frame["new_users_clean"].to_numpy(dtype=np.float64) / HOUR, index=pd.DatetimeIndex(frame["ts_utc"])
    )
    plans = tuple(_day_plan(day, "news", days=3) for day in MASTODON_NEWS)
    return _set("mastodon", True, {"sign-ups": people.asfreq("h")}, HOUR, plans, "UTC", None)


def coupons(folder: Path) -> DataSet:
    """A grocer's campaigns of four to eight weeks, sent to some of 2,500 households; all baskets hardly show it."""
    frame = pd.read_csv(folder / "baskets_per_hour.csv.gz")
    when = pd.DatetimeIndex(pd.to_datetime(frame.iloc[:, 0]))
    baskets = pd.Series(frame.iloc[:, 1].to_numpy(dtype=np.float64) / HOUR, index=when)
    plans = []
    for row in pd.read_csv(folder / "campaigns.csv").itertuples():
        starts = datetime.fromisoformat(str(row.start_date)).replace(tzinfo=UTC)
        ends = datetime.fromisoformat(str(row.end_date)).replace(tzinfo=UTC) + timedelta(days=1)
        kind = str(row.campaign_type).lower().replace(" ", "-")
        numbers = {"audience": float(row.households_targeted)}
        made = Plan(id=f"{kind}-{row.campaign_id}", kind=kind, starts_at=starts, ends_at=ends, drivers=numbers)
        plans.append(made)
    return _set("grocery-coupons", False, {"baskets": baskets.asfreq("h")}, HOUR, tuple(plans), "UTC", None)


def made_promotions(seed: int, name: str) -> Maker:
    """Not real: a generator's promotions, of a mechanism that is not the model's."""

    def make(folder: Path) -> DataSet:
        visits, plans = promotions(seed)
        return _set(name, False, {"web": visits}, HOUR, plans, "UTC", None)

    return make


def shuttle(folder: Path) -> DataSet:
    """A space centre's site on the days of launches and landings: one or two earlier ones each."""
    frame = pd.read_csv(folder / "requests_per_minute.csv.gz", parse_dates=["ts_local_edt"])
    minutes = pd.Series(frame["requests"].to_numpy(dtype=np.float64) / 60.0, index=pd.DatetimeIndex(frame.iloc[:, 0]))
    plans = []
    for row in pd.read_csv(folder / "events_calendar.csv").itertuples():
        at = datetime.fromisoformat(str(row.ts_local_edt)).replace(tzinfo=UTC)
        kind = "launch" if "launch" in str(row.event) else "landing"
        starts, ends = at - timedelta(hours=6), at + timedelta(hours=12)
        plans.append(
            Plan(id=f"{kind}-{at:%m%d}", kind=kind, starts_at=starts, ends_at=ends, moments=(Moment(at=at, kind=kind),))
        )
    return _set("shuttle", True, {"web": minutes}, 60, tuple(plans), "UTC", None)


def _day_plan(day: str, kind: str, days: int = 1) -> Plan:
    starts = datetime.fromisoformat(day).replace(tzinfo=UTC)
    moments = (Moment(at=starts + NIGHT, kind="morning"),) if kind == "marathon" else ()
    return Plan(id=f"{kind}-{day}", kind=kind, starts_at=starts, ends_at=starts + timedelta(days=days), moments=moments)


def _set(
    name: str,
    surge: bool,
    series: dict[str, pd.Series[float]],
    seconds: int,
    plans: tuple[Plan, ...],
    zone: str,
    country: str | None,
) -> DataSet:
    frame = pd.DataFrame(series)
    hourly = frame.resample("h").mean()
    times = epochs(frame.index)
    inside = np.zeros(len(times), dtype=bool)
    for starts, ends in learning_spans(plans, 2**40):
        inside |= (times >= starts) & (times < ends)
    stretches = tuple(
        Stretch(column, times[inside], np.full(int(inside.sum()), seconds), frame[column].to_numpy()[inside])
        for column in frame.columns
    )
    hourly.index = pd.DatetimeIndex(naive_utc(epochs(hourly.index)))
    settings = Settings(time_zone=zone, services=tuple(Service(name=c) for c in frame.columns), country=country)
    kept = tuple(p for p in plans if epoch(p.starts_at) < int(times[-1]))
    return DataSet(name, surge, Evidence(hourly, stretches, (), max(seconds, 60)), kept, settings)


Maker = Callable[[Path], DataSet]
MAKERS: dict[str, tuple[str, Maker]] = {
    "worldcup98": ("wc98_web_minute", world_cup),
    "melbourne": ("melbourne_pedestrians_hourly", melbourne),
    "wikipedia-peyton": ("web_daily", peyton),
    "mastodon": ("mastodon_signups_hourly", mastodon),
    "shuttle": ("nasa_http_minute", shuttle),
    "melbourne-holidays": ("melbourne_pedestrians_hourly", melbourne_holidays),
    "nyc-taxi": ("nab_nyc_taxi_30min", taxi),
    "grocery-coupons": ("completejourney_hourly", coupons),
    "made-promotions": ("", made_promotions(1, "made-promotions")),
    **{f"made-{seed}": ("", made_promotions(seed, f"made-{seed}")) for seed in UNSEEN_SEEDS},
}
UNSEEN = tuple(f"made-{seed}" for seed in UNSEEN_SEEDS)
SEEN = tuple(name for name in MAKERS if name not in UNSEEN)
