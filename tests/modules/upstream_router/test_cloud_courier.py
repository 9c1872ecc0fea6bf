import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modules.upstream_router.cloud_courier import CloudCourier, Handed, Rules
from modules.upstream_router.packing import pack
from modules.upstream_router.spread import fraction
from modules.upstream_router.token_bucket import TokenBucket
from storeflow.errors import StorageError, TransportError
from storeflow.host.courier import Post, Queue
from storeflow.host.module import Output, RawEvent
from storeflow.host.outbox import Outbox
from storeflow.host.packet import Packet

HERE = "cloud:cloud"
LIVE = "storeflow.zone.dwelling"


@dataclass
class Place:
    """A carrier that takes what it is told to."""

    longest_pause: float = 0.0
    closed: bool = False
    takes: Callable[[Packet], bool] = lambda _: True
    impossible: frozenset[str] = frozenset()
    """Ids of events."""
    pause: float = 0.0
    tried: list[list[Packet]] = field(default_factory=list)
    arrived: list[Packet] = field(default_factory=list)

    async def carry(self, packets: Sequence[Packet], post: Post) -> Handed:
        """Take them, or not."""
        assert post is not None
        self.tried.append(list(packets))
        never = [packet for packet in packets if packet.rows[0].body.decode() in self.impossible]
        taken = [packet for packet in packets if packet not in never and self.takes(packet)]
        self.arrived += taken
        whole = len(taken) + len(never) == len(packets)
        reasons = [(packet, "it is too large") for packet in never]
        return Handed(taken, reasons, None if whole else TransportError("not now"), self.pause)

    def close(self) -> None:
        """Nothing is open."""
        self.closed = True

    def bodies(self) -> list[int]:
        """Numbers of the events that arrived, in their order."""
        return [int(row.body) for packet in self.arrived for row in packet.rows]


class Stage:
    """An outbox, a clock and a courier."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(folder / "outbox.db")
        self.place = Place()
        self.counts: Counter[str] = Counter()
        self.now = 1_000_000.0
        self.set_by = 0.0
        """So far somebody has set the clock."""
        self.courier = self.served(Rules(1, 0.0, compress=True))

    def served(self, rules: Rules, bytes_per_second: float = 0.0) -> CloudCourier:
        """A courier by other rules."""
        bucket = TokenBucket(bytes_per_second)
        self.courier = CloudCourier(
            self.place, rules, bucket, "store-1", self.counts, clock=self.clock, running=lambda: self.now
        )
        return self.courier

    def clock(self) -> float:
        """What the clock shows."""
        return self.now + self.set_by

    def keep(self, *numbers: int, event_type: str = LIVE) -> None:
        """Have events waiting."""
        events = [RawEvent("s", str(number), event_type, None, None, b"%d" % number) for number in numbers]
        self.outbox.commit([Output(HERE, event) for event in events], None, self.clock())

    def step(self, destination: str = HERE) -> float:
        """Have the courier called once."""

        async def post(*_: Any, **__: Any) -> None:
            raise AssertionError("the carrier of this test sends nothing")

        return asyncio.run(self.courier.step(Queue(self.outbox, destination), post))

    def waiting(self) -> list[int]:
        """Numbers of the events in the outbox."""
        return [int(row.body) for row in self.outbox.waiting(HERE, 10_000)]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.outbox.close()


def test_events_go_in_order_and_are_struck_off_once_they_arrived(stage: Stage) -> None:
    assert stage.step() == 60.0, "nothing waits"
    stage.keep(1, 2, 3)

    assert stage.step() == 0.0

    assert (stage.place.bodies(), stage.waiting()) == ([1, 2, 3], [])
    assert stage.counts == {"cloud_messages": 3, "cloud_bytes": 3}


def test_what_did_not_arrive_is_handed_over_again_as_it_was_before_anything_newer(stage: Stage) -> None:
    stage.served(Rules(2, 0.0, compress=True))
    stage.keep(1, 2, 3, 4)
    stage.place.takes = lambda packet: packet.rows[0].body == b"1"
    with pytest.raises(TransportError, match="not now"):
        stage.step()
    assert stage.waiting() == [3, 4]
    stage.keep(5)
    with pytest.raises(TransportError, match="not now"):
        stage.step()
    stage.place.takes = lambda _: True

    stage.step()

    assert stage.place.tried[2] == stage.place.tried[1] == stage.place.tried[0][1:]
    assert (stage.place.bodies(), stage.waiting()) == ([1, 2, 3, 4], [5])


def test_what_arrived_is_not_sent_again_because_the_disk_refused_to_strike_it_off(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.keep(1)
    with monkeypatch.context() as patch:
        patch.setattr(stage.outbox, "delete", _refuse)
        for _ in range(2):
            with pytest.raises(StorageError):
                stage.step()
    stage.step()
    assert (stage.place.bodies(), stage.waiting()) == ([1], [])


def _refuse(*_: object) -> None:
    raise StorageError("full")


def test_one_event_that_can_never_be_sent_holds_up_no_other(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.place.impossible = frozenset({"2"})
    stage.keep(1, 2, 3)

    stage.step()

    assert (stage.place.bodies(), stage.waiting()) == ([1, 3], [])
    assert stage.counts["events_unsendable"] == 1
    assert "can never be sent: it is too large" in caplog.text
    with stage.outbox._database.reading() as connection:
        assert connection.execute("SELECT body, reason FROM quarantine").fetchall() == [(b"2", "it is too large")]


def test_events_wait_for_others_until_the_device_s_turn_or_until_a_message_is_full(stage: Stage) -> None:
    stage.served(Rules(3, 10.0, compress=True))
    turn = 10.0 * fraction("store-1")
    stage.now = 1_000_000.0 + turn + 1
    stage.keep(1)

    assert stage.step() == pytest.approx(9.0)
    stage.now += 8
    stage.keep(2)
    assert stage.step() == pytest.approx(1.0)
    assert stage.place.tried == []
    stage.now += 1
    stage.step()
    assert [len(packet.rows) for packet in stage.place.arrived] == [2]

    stage.now += 1
    stage.keep(3, 4, 5)
    stage.step()
    assert [len(packet.rows) for packet in stage.place.arrived] == [2, 3]


def test_a_clock_that_is_set_back_by_hours_holds_nothing_up(stage: Stage) -> None:
    stage.served(Rules(3, 10.0, compress=True))
    stage.keep(1)
    stage.step()
    stage.now -= 7200
    assert 0 <= stage.step() <= 10.0
    stage.now += 10
    stage.step()
    assert stage.place.bodies() == [1]


def test_after_a_long_absence_the_newest_events_go_with_the_first_message(stage: Stage) -> None:
    stage.served(Rules(500, 5.0, compress=True))
    stage.keep(*range(5000))

    stage.step()
    stage.keep(5000, 5001)
    stage.step()

    arrived = stage.place.bodies()
    assert arrived[0] == 4999
    assert {0, 5000, 5001, 1000} <= set(arrived)
    while stage.waiting():
        stage.now += 5
        stage.step()
    assert sorted(stage.place.bodies()) == list(range(5002))


def test_alerts_go_at_once_the_newest_first_and_wait_for_no_budget(stage: Stage) -> None:
    bulk = stage.served(Rules(1, 0.0, compress=False), bytes_per_second=1)
    alerts = CloudCourier(
        stage.place, Rules(1, 0.0, compress=False, newest_first=True), bulk.bucket, "store-1", stage.counts,
        clock=stage.clock,
    )  # fmt: skip
    stage.keep(10, 11, 12)
    stage.step()
    assert stage.step() == pytest.approx(5.0), "six bytes of one a second"
    stage.courier = alerts
    stage.keep(20, 21)
    stage.step()
    assert stage.place.bodies() == [10, 11, 12, 21, 20]
    stage.courier = bulk
    assert stage.step() == pytest.approx(9.0), "what alerts take, the rest waits for"


def test_the_budget_is_kept_while_a_backlog_is_sent(stage: Stage) -> None:
    stage.served(Rules(100, 0.0, compress=False), bytes_per_second=1000)
    stage.keep(*range(1000, 5000))
    began = stage.now
    while stage.waiting():
        stage.now += stage.step()
    assert stage.counts["cloud_bytes"] >= 20_000
    assert stage.now - began >= stage.counts["cloud_bytes"] / 1000 - 4.0, "one round goes ahead of its time"


def test_what_is_too_old_is_not_sent_but_counted_and_only_of_the_kind_that_was_meant(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.served(Rules(1, 0.0, compress=True, time_to_live=(("storeflow.zone.*", 60.0),)))
    stage.place.takes = lambda _: False
    stage.keep(1, 2)
    stage.keep(3, event_type="storeflow.line.crossed")
    with pytest.raises(TransportError):
        stage.step()
    stage.now += 30
    stage.keep(4)
    stage.now += 31
    with pytest.raises(TransportError):
        stage.step()
    assert stage.waiting() == [3, 4]
    assert stage.counts["events_expired"] == 2
    assert "2 events of storeflow.zone.* were not sent" in caplog.text


def test_a_clock_that_is_set_makes_no_event_too_old_and_none_young_for_ever(stage: Stage) -> None:
    stage.served(Rules(1, 0.0, compress=True, time_to_live=(("storeflow.zone.*", 3600.0),)))
    stage.place.takes = lambda _: False

    def wait(seconds: float) -> list[int]:
        stage.now += seconds
        with pytest.raises(TransportError):
            stage.step()
        return stage.waiting()

    stage.keep(1)
    assert wait(60) == [1]
    stage.set_by += 160_000_000
    stage.keep(2)
    stage.keep(9, event_type="storeflow.line.crossed")
    assert wait(60) == [1, 2, 9], "two minutes old, not five years"
    assert wait(3400) == [1, 2, 9]
    assert wait(100) == [2, 9]
    stage.set_by -= 7200
    stage.keep(3)
    assert wait(60) == [2, 9, 3], "by its time alone the second is not older than the third"
    assert wait(3400) == [2, 9, 3]
    assert wait(7200) == [9]


def test_events_are_not_searched_for_old_ones_all_the_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[float] = []

    def expire(*_: object) -> int:
        searched.append(stage.now)
        return 0

    monkeypatch.setattr(stage.outbox, "expire", expire)
    stage.served(Rules(1, 0.0, compress=True, time_to_live=((LIVE, 1.0),)))
    for _ in range(300):
        stage.step()
        stage.now += 0.1
    assert len(searched) == 3


def test_a_round_has_no_more_events_than_memory_and_the_newest_are_among_them(stage: Stage) -> None:
    stage.served(Rules(1000, 0.0, compress=True))
    bodies = [b"%06d" % number * 20_000 for number in range(100)]
    events = [RawEvent("s", body.decode()[:6], LIVE, None, None, body) for body in bodies]
    stage.outbox.commit([Output(HERE, event) for event in events], None, stage.now)

    stage.step()

    rows = [row for packet in stage.place.arrived for row in packet.rows]
    assert 7_000_000 < sum(len(row.body) for row in rows) < 9_000_000
    assert (rows[0].body, rows[-1].body[:6]) == (bodies[-1], b"000033")
    stage.step()
    assert stage.waiting() == []


def test_events_are_packed_beside_the_loop_which_has_others_to_serve(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def packed(*arguments: Any, **more: Any) -> list[Packet]:
        threads.append(threading.current_thread())
        return pack(*arguments, **more)

    monkeypatch.setattr("modules.upstream_router.cloud_courier.pack", packed)
    stage.keep(1)
    stage.step()
    assert stage.place.bodies() == [1]
    assert threads
    assert threads[0] is not threading.main_thread()


def test_a_sink_that_was_taken_out_of_the_twin_is_sent_nothing_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def close_meanwhile(_: float) -> None:
        stage.place.close()

    stage.place.takes = lambda _: False
    stage.keep(1)
    with pytest.raises(TransportError):
        stage.step()
    stage.place.takes = lambda _: True
    monkeypatch.setattr("modules.upstream_router.cloud_courier.sleep", close_meanwhile)
    assert stage.step() == 60.0
    assert (stage.place.bodies(), stage.waiting()) == ([], [1])


def test_what_was_packed_as_the_sink_was_taken_out_stays_here(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def packed(*arguments: Any, **more: Any) -> list[Packet]:
        stage.place.close()
        return pack(*arguments, **more)

    monkeypatch.setattr("modules.upstream_router.cloud_courier.pack", packed)
    stage.keep(1)
    stage.step()
    assert (stage.place.bodies(), stage.waiting()) == ([], [1])


def test_alerts_that_need_more_than_the_budget_leave_everything_else_half_of_it(stage: Stage) -> None:
    bulk = stage.served(Rules(1, 0.0, compress=False), bytes_per_second=100)
    rules = Rules(1, 0.0, compress=False, newest_first=True)
    alerts = CloudCourier(stage.place, rules, bulk.bucket, "store-1", stage.counts, stage.clock, lambda: stage.now)
    stage.keep(*range(1000, 9000))
    for number in range(60):
        stage.now += 1
        alert = RawEvent("s", f"a{number}", "storeflow.queue.length", None, None, b"7" * 120)
        stage.outbox.commit([Output("cloud:cloud/alerts", alert)], None, stage.now)
        stage.courier = alerts
        stage.step("cloud:cloud/alerts")
        stage.courier = bulk
        while stage.step() == 0.0:
            pass
    taken = stage.counts["cloud_bytes"] - 60 * 120
    assert 60 * 50 <= taken <= 60 * 50 + 100 + 256 * 4, "half of it, and a second's worth, and a round"


def test_what_expired_while_it_was_under_way_is_not_sent_again(stage: Stage) -> None:
    stage.served(Rules(1, 0.0, compress=True, time_to_live=(("storeflow.zone.*", 60.0),)))
    stage.place.takes = lambda _: False
    stage.keep(1)
    with pytest.raises(TransportError):
        stage.step()
    stage.now += 61
    stage.place.takes = lambda _: True
    stage.step()
    assert stage.place.bodies() == []


def test_a_place_that_asks_for_quiet_is_left_alone_for_so_long(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("modules.upstream_router.cloud_courier.sleep", sleep)
    stage.place.longest_pause, stage.place.pause = 60.0, 4.0
    stage.place.takes = lambda _: False
    stage.keep(1)
    for _ in range(8):
        with pytest.raises(TransportError):
            stage.step()
    assert slept[0] == 0.0
    assert slept[1:4] == [4.0, 4.0, 4.0]
    assert all(longer >= 15 for longer in slept[6:])
    stage.place.takes = lambda _: True
    stage.step()
    stage.keep(2)
    stage.step()
    assert slept[-1] == 0.0
