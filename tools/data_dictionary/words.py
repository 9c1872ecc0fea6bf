"""What the columns mean that the lake itself makes. Those that come from an event are described in the contract."""

from typing import NamedTuple

from cloud_functions.lake.gold.histogram import BOUNDS, bins


class Words(NamedTuple):
    """What is said of a column."""

    meaning: str
    adds_up_over: str = ""
    """Empty for what is no figure."""


ABOUT = {
    "silver/events": "One row for each event, by `source` and `id`. A row has values in the columns of its `type`.",
    "gold/dim_store": "One row for each store of the register.",
    "gold/dim_camera": "One row for each camera of a device that events speak of.",
    "gold/dim_layout": "What was drawn on which camera's picture, from when on: a row for each thing drawn, and one of"
    " `kind` `layout` for each layout.",
    "gold/dim_line": "One row for each line, and each layout version that it is drawn in.",
    "gold/dim_zone": "One row for each zone and queue, and each layout version that it is drawn in.",
    "gold/dim_date": "One row for each day of the years that the lake knows of.",
    "gold/dim_time15": "The quarters of an hour of a day.",
    "gold/fact_footfall_15m": "One row for each window, camera, line, layout version and class: who crossed. A window"
    " in which the camera looked and nobody crossed is there with zeros, where the device said which lines it has.",
    "gold/fact_zone_dwell_15m": "One row for each window, camera, zone, layout version and class: visits that ended, of"
    " people who don't work there.",
    "gold/fact_queue": "One row for each window, camera, queue and layout version: waits that ended, of people who"
    " don't work there.",
    "gold/fact_device_health": "One row for each window and camera of a device: how long it looked.",
    "gold/fact_completeness": "One row for each `source`, store and UTC day: whether all that it sent is here.",
}

TIME_CAMERAS = "time, cameras, stores"
LINES = "time, cameras, lines, stores, classes"
ZONES = "time, cameras, zones, stores, classes"
QUEUES = "time, cameras, queues, stores"

KEYS = {
    "store_id": Words("The store."),
    "device_id": Words("The device, by IoT Hub's own word; where it sends around IoT Hub, by the publisher's name."),
    "camera_id": Words("The camera, by its name in the configuration of its device."),
    "camera_key": Words("The camera: `<store>/<device>/<camera>`. Joins dim_camera."),
    "source": Words("The series of events: `//<IoT hub>/<device>/<camera>`, and what more may follow."),
    "line_id": Words("The line, by its name in the layout."),
    "line_key": Words("The line as one layout drew it. Joins dim_line."),
    "zone_id": Words("The zone, by its name in the layout; in dim_zone also the queue."),
    "queue_id": Words("The queue, by its name in the layout."),
    "zone_key": Words("The zone or queue as one layout drew it. Joins dim_zone."),
    "layout_key": Words("The event that said so: its `source` and `id`."),
    "config_version": Words("`$version` of the layout that was in force."),
    "object_class": Words("What was seen: `person`, or a label such as `car`."),
    "window_start": Words("When the quarter of an hour began. UTC."),
    "window_date": Words("Its day in UTC."),
    "local_date": Words("Its day by the store's clock. Joins dim_date."),
    "local_time15": Words("Its time by the store's clock, `HH:MM`. Joins dim_time15."),
    "utc_offset_minutes": Words(
        "Minutes that the store's clock is ahead of UTC: tells an hour that comes twice from itself."
    ),
    "is_final": Words("Whether all that was sent of the window is here and nothing of it is to come."),
    "restated_at": Words(
        "When the row last changed, where that was more than six hours after the store's day was over. UTC."
    ),
    "first_seen": Words("The earliest event that speaks of it. UTC."),
    "last_seen": Words("The latest. UTC."),
    "drawn": Words("Where it is in the picture, as JSON text in the words of `storeflow.layout.applied`."),
    "observed_seconds": Words("Seconds that the camera looked.", TIME_CAMERAS),
}

OF_TABLE = {
    "silver/events": {
        "event_date": Words("The day of `captured_at`, in UTC."),
        "module_id": Words("The module that sent it, by IoT Hub's own word; empty where it sends around IoT Hub."),
        "enqueued_at": Words("When the event hub took it in. UTC."),
        "ingested_at": Words("When it landed. UTC."),
        "refined_at": Words("Its commit: milliseconds since 1970, in each more than in all before."),
        "bronze_file": Words("The file of bronze that has its bytes."),
        "sequence_number": Words("Of its message, in the partition of the event hub."),
        "place": Words("Of the event in its message, from 0."),
    },
    "gold/dim_store": {
        "name": Words("For people to read."),
        "time_zone": Words("By the IANA database, as `Europe/Berlin`."),
        "time_zone_windows": Words("As Power BI and SQL Server call it."),
    },
    "gold/dim_layout": {
        "applied_at": Words("From when on it is in force. UTC."),
        "kind": Words("`line`, `zone`, `queue` or `layout`."),
        "id": Words("The name of the line, zone or queue in the layout."),
        "landed_at": Words("When the event landed. UTC."),
    },
    "gold/dim_zone": {"kind": Words("`zone` or `queue`.")},
    "gold/dim_date": {
        "date": Words("The day."),
        "year": Words("Its year."),
        "month": Words("Its month, from 1."),
        "day": Words("Its day of the month, from 1."),
        "iso_year": Words("The year that its week belongs to (ISO 8601)."),
        "iso_week": Words("Its week (ISO 8601)."),
        "weekday": Words("Its day of the week, from 1: Monday."),
    },
    "gold/dim_time15": {
        "time15": Words("`HH:MM`."),
        "hour": Words("Its hour, from 0."),
        "minute": Words("Its minute: 0, 15, 30 or 45."),
    },
    "gold/fact_footfall_15m": {
        **{
            f"{way}_{figure}": Words(text.format(way=way), LINES)
            for way in ("in", "out")
            for figure, text in {
                "raw": "Crossings {way}.",
                "net": "Of `{way}_raw`, without both crossings of every U-turn.",
                "shopper": "Of `{way}_net`, without those of who works there.",
                "units": "Of `{way}_shopper`, singles and groups: a group counts once.",
            }.items()
        },
        "observed_seconds": Words(
            "Seconds that the camera looked. It stands in one row of each line and window, whatever the classes and"
            " layout versions.",
            "time, cameras, classes, stores; not over lines",
        ),
        "source_of_figures": Words(
            "`events`: counted from single crossings; `windows`: sums of the device, for crossings that stayed there."
        ),
    },
    "gold/fact_zone_dwell_15m": {
        "visits": Words("Visits that ended.", ZONES),
        "whole_visits": Words("Of these, seen from beginning to end.", ZONES),
        "dwell_seconds": Words("How long the whole visits were, together: divide by `whole_visits`.", ZONES),
    },
    "gold/fact_queue": {
        "served": Words("Waits that ended with service.", QUEUES),
        "abandoned": Words("Waits that were given up.", QUEUES),
        "lost": Words("Waits whose end nobody saw.", QUEUES),
        "whole_waits": Words("Of those served, seen from beginning to end.", QUEUES),
        "wait_seconds": Words("How long the whole waits were, together: divide by `whole_waits`.", QUEUES),
    },
    "gold/fact_device_health": {
        "frames_analysed": Words("Frames that somebody looked at.", TIME_CAMERAS),
        "frames_missed": Words("Frames that were taken and not looked at.", TIME_CAMERAS),
        "failures": Words("How often the camera failed.", TIME_CAMERAS),
        "longest_gap_seconds": Words("The longest time between two frames.", "nothing: take the greatest"),
    },
    "gold/fact_completeness": {
        "window_date": Words("The day of `captured_at`, in UTC."),
        "events": Words("Numbered events that are here.", "days, sources"),
        "first_sequence": Words("The first number.", "nothing: take the least"),
        "last_sequence": Words("The last number.", "nothing: take the greatest"),
        "missing": Words("How many numbers between the two are not here.", "days, sources"),
        "complete_until": Words("The source said that all before then was sent. UTC.", "nothing: take the least"),
        "final_windows": Words("How many of the day's 96 quarters of an hour will not change.", "days, sources"),
        "final_mask": Words("Which: 24 hexadecimal digits, whose lowest bit stands for the day's first."),
    },
}


def _between(low: int | None, high: int | None) -> str:
    if low is None:
        return f"under {high} s"
    return f"{low} s or more" if high is None else f"{low} s to less than {high} s"


for _table, _name, _what, _over in (
    ("gold/fact_zone_dwell_15m", "dwell", "visits", ZONES),
    ("gold/fact_queue", "wait", "waits", QUEUES),
):
    for _bin, _low, _high in zip(bins(_name), (None, *BOUNDS), (*BOUNDS, None), strict=True):
        OF_TABLE[_table][_bin] = Words(f"Whole {_what} of {_between(_low, _high)}.", _over)
