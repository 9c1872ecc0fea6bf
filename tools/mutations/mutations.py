"""What storeflow promises, how the promise is broken by a change of one line, and the tests that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """One broken promise."""

    promise: str
    file: str
    """Within the repository."""
    text: str
    """Is in the file exactly once …"""
    instead: str
    """… and is replaced by this."""
    tests: str
    """What pytest is given: a file or a folder."""


MUTATIONS = (
    Mutation(
        "a crossing is counted once the walker has settled",
        "modules/zone_analytics/line_counter.py",
        "if passage.evidence >= self.parameters.settle_seconds and passage.over is not None:",
        "if passage.over is not None:",
        "tests/modules/zone_analytics/test_line_counter.py",
    ),
    Mutation(
        "the layout says which way is in",
        "modules/zone_analytics/line_counter.py",
        'direction="in" if (passage.side > 0) == (self.line.in_ == "right") else "out",',
        'direction="in" if passage.side > 0 else "out",',
        "tests/modules/zone_analytics/test_line_counter.py",
    ),
    Mutation(
        "a change of track is no second person",
        "modules/zone_analytics/people.py",
        "if not 0 < gap <= parameters.stitch_seconds:",
        "if gap:",
        "tests/modules/zone_analytics/test_people.py",
    ),
    Mutation(
        "a visit counts once it has lasted",
        "modules/zone_analytics/zone_visits.py",
        "if not visit.announced and stayed >= zone.min_visit_seconds:",
        "if not visit.announced:",
        "tests/modules/zone_analytics/test_zone_visits.py",
    ),
    Mutation(
        "an occupancy is never negative",
        "modules/zone_analytics/area_counter.py",
        "elif state.occupancy > 0:",
        "elif True:",
        "tests/modules/zone_analytics/test_area_counter.py",
    ),
    Mutation(
        "two decisions never share an id",
        "modules/zone_analytics/store_events.py",
        "return event_id(origin.source, model.event_type, who, rule_id, milliseconds(at))",
        "return event_id(origin.source, model.event_type, who, rule_id)",
        "tests/modules/zone_analytics",
    ),
    Mutation(
        "a receipt forgets no event that is still on its way to IoT Hub",
        "storeflow/host/delivery.py",
        "if output not in HUB_OUTPUTS and key in under_way and",
        "if key in under_way and",
        "tests/host/test_delivery.py",
    ),
    Mutation(
        "a row that was delivered is deleted",
        "storeflow/host/outbox.py",
        '"DELETE FROM outbox WHERE id = ?", [(row_id,) for row_id in row_ids]',
        '"DELETE FROM outbox WHERE id = ?", [(-1,) for row_id in row_ids]',
        "tests/host/test_outbox.py",
    ),
    Mutation(
        "an event is kept once",
        "storeflow/host/outbox.py",
        'return connection.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone() is not None',
        "return False",
        "tests/host/test_outbox.py",
    ),
    Mutation(
        "an event has the same key in every version",
        "storeflow/host/outbox.py",
        r'f"{source}\x1f{event_id}"',
        'f"{source} {event_id}"',
        "tests/host/test_outbox.py",
    ),
    Mutation(
        "a full outbox drops crossings last",
        "storeflow/contract/events/base.py",
        "importance: ClassVar[int] = 2",
        "importance: ClassVar[int] = 1",
        "tests/host/test_outbox.py",
    ),
    Mutation(
        "strangers on the device may not read the events",
        "modules/upstream_router/sinks/ndjson.py",
        "0o640",
        "0o644",
        "tests/modules/upstream_router/test_ndjson.py",
    ),
    Mutation(
        "a picture is later than the one before it",
        "modules/video_capture/live_time.py",
        "self._last = taken",
        "pass",
        "tests/modules/video_capture/test_live_time.py",
    ),
    Mutation(
        "what a mask covers is painted over",
        "modules/video_capture/masks.py",
        "np.copyto(plane[top : top + height, left : left + width], GREY, where=covered)",
        "del plane, top, left, covered",
        "tests/modules/video_capture/test_masks.py",
    ),
    Mutation(
        "a mask covers every pixel that it touches",
        "modules/video_capture/masks.py",
        "for start, stop in (*_inside(edges, row + 0.5), *_crossed(edges, row)):",
        "for start, stop in _inside(edges, row + 0.5):",
        "tests/modules/video_capture/test_masks.py",
    ),
    Mutation(
        "a mask may have its corners anywhere",
        "modules/video_capture/masks.py",
        "(edge[0].y <= y) != (edge[1].y <= y)",
        "(edge[0].y <= y) != (edge[1].y < y)",
        "tests/modules/video_capture/test_masks.py",
    ),
    Mutation(
        "a zone does not cross itself",
        "storeflow/contract/section.py",
        "if crosses_itself(polygon) or polygon_area(polygon) == 0:",
        "if polygon_area(polygon) == 0:",
        "tests/contract/test_twins.py",
    ),
    Mutation(
        "a setting that there is not is refused",
        "storeflow/contract/section.py",
        'extra="forbid"',
        'extra="ignore"',
        "tests/contract/test_twins.py",
    ),
    Mutation(
        "a twin holds no password",
        "storeflow/contract/camera_url.py",
        "if _USER.match(url):",
        "if False:",
        "tests/contract/test_camera_url.py",
    ),
    Mutation(
        "a twin is no larger than IoT Hub takes",
        "storeflow/contract/twin_limits.py",
        "if size > MAX_SECTION_SIZE:",
        "if False:",
        "tests/contract/test_twin_limits.py",
    ),
    Mutation(
        "no secret is logged",
        "storeflow/observability/logs.py",
        'return _SHARED_KEY.sub("***", _USERINFO.sub("***@", text))',
        "return text",
        "tests/observability/test_logs.py",
    ),
    Mutation(
        "weights are those of the card",
        "modules/inference/model_card.py",
        "if found != card.model.sha256:",
        "if False:",
        "tests/modules/inference/test_model_card.py",
    ),
    Mutation(
        "a model never runs on something slower in silence",
        "modules/inference/engine.py",
        'session_options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")',
        "pass",
        "tests/modules/inference/test_engine.py",
    ),
    Mutation(
        "a body is what its content type says",
        "storeflow/transport/edge_hub.py",
        "Message(body, message_id, form.content_encoding, form.content_type)",
        "Message(body, message_id, None, None)",
        "tests/transport/test_edge_hub.py",
    ),
    Mutation(
        "a number that fits no column does not land",
        "cloud_functions/envelope.py",
        'if found := bounds.fault(envelope.data, "event.data") or bounds.fault(event, "event"):',
        'if found := "":',
        "tests/cloud_functions/test_decode.py",
    ),
    Mutation(
        "only a publisher's own address names it",
        "cloud_functions/trigger.py",
        'return name if isinstance(name, str) and name == system["PartitionKey"] else None',
        "return name if isinstance(name, str) else None",
        "tests/cloud_functions/test_function_app.py",
    ),
    Mutation(
        "of an event that came twice silver has one row",
        "cloud_functions/lake/copies.py",
        "fresh = [number for number in range(rows.num_rows) if number not in seen]",
        "fresh = list(range(rows.num_rows))",
        "tests/cloud_functions/lake/test_silver.py",
    ),
    Mutation(
        "every commit to silver has a number of its own",
        "cloud_functions/lake/silver.py",
        "return max(round(now.timestamp() * 1000), (mark(events, RUNS) or 0) + 1)",
        "return round(now.timestamp() * 1000)",
        "tests/cloud_functions/lake/test_silver.py",
    ),
    Mutation(
        "what was sent is struck off only once it has arrived",
        "modules/upstream_router/cloud_courier.py",
        "        handed = await self.carrier.carry(self._pending, post)",
        "        await queue.strike_off([row for packet in self._pending for row in packet.rows])\n"
        "        handed = await self.carrier.carry(self._pending, post)",
        "tests/modules/upstream_router/test_cloud_courier.py",
    ),
    Mutation(
        "somebody who turned round is in no net figure of a window",
        "modules/upstream_router/windows.py",
        "net = not one.turned",
        "net = True",
        "tests/modules/upstream_router/test_windows.py",
    ),
    Mutation(
        "sums that may lack what never came are vouched for by nobody",
        "modules/upstream_router/windows_sender.py",
        "            camera.lack(before=first_after(given_up.by))",
        "            pass",
        "tests/modules/upstream_router/test_windows_lost.py",
    ),
    Mutation(
        "a number that is missing keeps its quarter of an hour from being final",
        "cloud_functions/lake/gold/series.py",
        "return not in_doubt and not self.numbers.missing(first, last)",
        "return not in_doubt",
        "tests/cloud_functions/lake/gold/test_series.py",
    ),
    Mutation(
        "of days that are made in pieces only what was made is struck off",
        "cloud_functions/lake/gold/due.py",
        "self._days[day].difference_update(made.stores)",
        "self._days[day].clear()",
        "tests/cloud_functions/lake/gold/test_pieces.py",
    ),
)
