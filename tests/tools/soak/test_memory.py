"""A few minutes of the shop's day, busier than any: what is held when all have left, and that a leak is seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.inference.track.tracker import Tracker
from modules.zone_analytics.groups import Groups
from modules.zone_analytics.line_counter import LineCounter
from modules.zone_analytics.people import People
from modules.zone_analytics.zone_visits import ZoneVisits
from tools.soak import __main__ as command
from tools.soak.chain import CAMERAS, Chain
from tools.soak.memory import DAY, Hour, growth, objects_held, play
from tools.soak.shop import FRAMES_PER_SECOND, Camera, Picture, pictures

RUSH_HOUR = DAY + 18 * 3600
VISITORS = 20_000
"""On a day, in front of each camera."""


def held_when_all_have_left(folder: Path, minutes: float) -> tuple[Chain, int]:
    """The chain after so many minutes of the rush hour and half a minute of nobody, and how many objects it holds."""
    folder.mkdir()
    chain = Chain(folder)
    cameras = [Camera(one, VISITORS, RUSH_HOUR, 1, seed) for seed, one in enumerate(CAMERAS)]
    last = 0
    for tick, seen in pictures(cameras, minutes / 60):
        last = tick
        for picture in seen:
            chain.take(picture)
    empty = np.empty((0, 4)), np.empty(0)
    for tick in range(last + 1, last + 31 * FRAMES_PER_SECOND):
        for camera_id in CAMERAS:
            chain.take(Picture(camera_id, RUSH_HOUR + tick / FRAMES_PER_SECOND, 1_000_000 + tick, *empty))
    held = objects_held(chain.tracks, chain.analytics)
    chain.close()
    return chain, held


@pytest.fixture(scope="module")
def after_a_minute(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many objects are held after one minute and nobody."""
    return held_when_all_have_left(tmp_path_factory.mktemp("soak") / "minute", 1)[1]


def test_what_is_held_does_not_grow_with_those_who_have_left(tmp_path: Path, after_a_minute: int) -> None:
    chain, after_ten = held_when_all_have_left(tmp_path / "long", 10)
    assert chain.tracks_confirmed > 500
    assert chain.sink.events["storeflow.line.crossed"] > 500
    assert chain.sink.events["storeflow.queue.left"] > 50
    assert chain.held()["tracked"] == chain.held()["rows"] == 0
    assert after_ten <= after_a_minute + 20


def keeping(owner: Any, memory: str) -> Callable[..., Any]:
    """The owner's `leave`, after which nobody is gone from its memory."""
    leave = owner.leave

    def leaving(self: Any, *who: Any) -> Any:
        before = dict(getattr(self, memory))
        result = leave(self, *who)
        getattr(self, memory).update(before)
        return result

    return leaving


LEAKS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "people who are never forgotten": (People, "forget", lambda *_: []),
    "tracks that are never forgotten": (Tracker, "_forget", lambda *_: None),
    "a line that keeps who went over it": (LineCounter, "leave", keeping(LineCounter, "passages")),
    "a zone that keeps who was outside": (ZoneVisits, "leave", keeping(ZoneVisits, "outside")),
    "groups that keep who came alone": (Groups, "leave", lambda *_: None),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_seen(leak: str, tmp_path: Path, after_a_minute: int, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, method = LEAKS[leak]
    monkeypatch.setattr(owner, name, method)
    _, leaking = held_when_all_have_left(tmp_path / "leaking", 2)
    assert leaking > after_a_minute + 20


def test_an_hour_is_measured() -> None:
    (hour,) = play(1, 200)
    assert (hour.hour, hour.held["rows"]) == (1, 0)
    assert hour.frames > 3600 * FRAMES_PER_SECOND / 2
    assert hour.resident_bytes > 20 * 2**20
    assert 0 < hour.tracks < 20
    assert hour.events > hour.tracks


def hours(*resident: int, tracks: int = 20_000) -> list[Hour]:
    """Hours of a day, by resident MiB."""
    held = {"tracked": 0}
    return [Hour(number, mib * 2**20, 300, 1, tracks, 1, held) for number, mib in enumerate(resident, start=1)]


@pytest.mark.parametrize(
    ("day", "status", "said"),
    [
        (hours(90, 100, *[101] * 21, 102), 0, "hour 24 / hour 2: 1.0200"),
        (hours(90, 100, *[101] * 21, 103), 1, "1.0300 (at most 1.02): IT GROWS"),
        (hours(90, 100, *[110] * 21, 100), 0, "1.0000"),
        (hours(*[100] * 24, tracks=19_999), 1, "only 19999 tracks were followed"),
    ],
    ids=["bounded", "grown", "grown and back", "too few tracks"],
)
def test_the_exit_status_says_whether_it_grows(
    day: list[Hour], status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "play", lambda *_, **__: iter(day))
    assert command.main(["memory"]) == status
    assert said in " ".join(capsys.readouterr().out.split())
    assert (growth(day) > 1.02) == ("GROWS" in said)
