"""Every trap of the SDK, and every way to run and be silent: storeflow holds; without any one mitigation it does not.

The situations are in sdk_traps.py, each played in a process of its own with a hub of its own; which mitigation holds
which of them says docs/sdk-traps.md.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

SCRIPT = Path(__file__).with_name("sdk_traps.py")
SITUATIONS = (
    "messages_wait_at_connect",
    "twin_changed_while_away",
    "the_hub_comes_later",
    "events_are_emitted_while_the_hub_is_away",
    "the_hub_stays_away",
    "no_message_is_acknowledged",
    "more_waits_than_may_be_under_way",
    "acknowledgements_are_lost",
    "the_receiver_gets_everything_twice",
    "a_refused_token",
    "a_token_that_ends_sooner_than_thought",
    "a_signing_that_fails_in_the_background",
    "a_token_near_its_end",
    "every_token_is_refused",
    "signing_hangs_for_ever",
    "a_variable_is_missing",
    "the_module_is_slower_than_its_messages",
    "one_message_takes_long",
    "a_message_is_too_large",
    "an_event_is_too_large",
    "payloads_of_twenty_kilobytes",
    "the_hub_freezes",
    "the_connection_drops",
    "making_a_client_takes_long",
    "a_route_reads_the_body",
    "the_hub_forgets_every_subscription",
    "the_session_is_wiped_at_a_reconnect",
    "only_messages_fail_to_come",
    "no_twin_is_answered",
    "the_network_thread_dies",
    "the_network_thread_dies_while_it_subscribes",
    "the_hub_is_killed_in_mid_sending",
)
WON, LOST = 0, 3
PATIENCE = 25.0
"""Seconds for anything awaited, on storeflow as it is."""
MAX_CONCURRENT = 4
"""Situations played at the same time: most of what they do is wait."""


class Mutation(NamedTuple):
    """storeflow without one mitigation, and a situation that it then loses."""

    situation: str
    lost_by: str
    """What its verdict says."""
    file: str
    """Below storeflow/."""
    edits: tuple[tuple[str, str], ...]
    """What is there, once, and what takes its place."""
    elsewhere: tuple[tuple[str, str, str], ...] = ()
    """File, and the same, where a second guard in another one holds, too."""


EDGE_HUB = "transport/edge_hub.py"
SUBSCRIBING = '            await self._answered(subscribing, timing.connect, "subscription")\n'
THE_SDK_RECONNECTS = (
    ("connection_retry=False", "connection_retry=True"),
    ("ended.get_loop().call_soon_threadsafe(_end, ended, reason)", "pass"),
    ("if not client.connected:", "if False:"),
)
MUTATIONS = {
    "handlers_after_connect": Mutation(
        "messages_wait_at_connect",
        "all heard: []",
        EDGE_HUB,
        (
            (SUBSCRIBING, ""),
            ('"connection")\n', f'"connection")\n            await asyncio.sleep(0.3)\n{SUBSCRIBING}'),
        ),
    ),
    "twin_not_read_at_connect": Mutation(
        "twin_changed_while_away",
        "configured at start",
        "host/host.py",
        (("if connected:\n            self.on_desired_changed()", "if connected:"),),
    ),
    "twin_read_once": Mutation(
        "twin_changed_while_away",
        "the key is gone",
        EDGE_HUB,
        (("return twin\n", 'return vars(self).setdefault("first_twin", twin)\n'),),
    ),
    "first_connect_not_retried": Mutation(
        "the_hub_comes_later", "it did not wait for the hub", EDGE_HUB, (("pause = timing.retry", "raise"),)
    ),
    "deleted_unsent": Mutation(
        "events_are_emitted_while_the_hub_is_away",
        "of 120 kept",
        "host/delivery.py",
        (("answers, strict=True) if answer is None)", "answers, strict=True))"),),
    ),
    "outbox_without_bound": Mutation(
        "the_hub_stays_away", "400 rows", "host/outbox.py", (("if rows > self._max_rows:", "if rows < 0:"),)
    ),
    "send_without_time_limit": Mutation(
        "no_message_is_acknowledged",
        "the send is over",
        EDGE_HUB,
        (("asyncio.wait(first, timeout=seconds", "asyncio.wait(first, timeout=None"),),
    ),
    "any_number_in_flight": Mutation(
        "more_waits_than_may_be_under_way",
        " in flight",
        "host/delivery.py",
        (("in_flight: int = 16", "in_flight: int = 10_000"),),
    ),
    "one_in_flight": Mutation(
        "payloads_of_twenty_kilobytes",
        "they go one after another",
        "host/delivery.py",
        (("in_flight: int = 16", "in_flight: int = 1"),),
    ),
    "another_message_id": Mutation(
        "acknowledgements_are_lost",
        "different ids for 8 events",
        "host/packet.py",
        (("row.properties, row.key.hex())", 'row.properties, __import__("uuid").uuid4().hex)'),),
    ),
    "receiver_keeps_everything": Mutation(
        "the_receiver_gets_everything_twice",
        " messages for 8 events",
        "host/outbox.py",
        (("if _was_seen(connection, key):", "if False:"),),
    ),
    "left_to_the_sdk_when_refused": Mutation(
        "a_refused_token", "never answered: the twin", EDGE_HUB, THE_SDK_RECONNECTS
    ),
    "left_to_the_sdk_when_expired": Mutation(
        "a_token_that_ends_sooner_than_thought", "never answered: the twin", EDGE_HUB, THE_SDK_RECONNECTS
    ),
    "left_to_the_sdk_when_wiped": Mutation(
        "the_session_is_wiped_at_a_reconnect", "the message is heard", EDGE_HUB, THE_SDK_RECONNECTS
    ),
    "background_exception_only_logged": Mutation(
        "a_signing_that_fails_in_the_background", "a new client", EDGE_HUB, THE_SDK_RECONNECTS[1:2]
    ),
    "client_kept_until_its_token_ends": Mutation(
        "a_token_near_its_end", "a new client", EDGE_HUB, (("timeout=timing.token - timing.renew", "timeout=None"),)
    ),
    "client_kept_though_nothing_comes": Mutation(
        "only_messages_fail_to_come",
        "the message is heard",
        EDGE_HUB,
        (("timeout=timing.token - timing.renew", "timeout=None"),),
    ),
    "clients_without_end": Mutation(
        "every_token_is_refused",
        "the process ends: no client is of any use",
        EDGE_HUB,
        (("if useless >= timing.useless_clients:", "if False:"),),
    ),
    "a_shared_thread_hangs": Mutation(
        "signing_hangs_for_ever",
        "the process ends: no client can be made",
        EDGE_HUB,
        (("_on_a_thread(self._make_client)", "asyncio.to_thread(self._make_client)"),),
        (("host/process.py", "                overdue.start()", "                pass"),),
    ),
    "waits_for_variables": Mutation(
        "a_variable_is_missing", "the transport gives up", EDGE_HUB, ((" and type(error) is not OSError", ""),)
    ),
    "queue_without_bound": Mutation(
        "the_module_is_slower_than_its_messages",
        "what does not fit is dropped",
        "host/module_thread.py",
        (("queue.Queue(maxsize=_MAX_WAITING)", "queue.Queue()"),),
    ),
    "handler_waits_for_the_module": Mutation(
        "the_module_is_slower_than_its_messages",
        "a method was not answered",
        "host/module_thread.py",
        (("self._messages.put_nowait(", "self._messages.put("),),
    ),
    "handler_is_a_function": Mutation(
        "one_message_takes_long", "out of order", EDGE_HUB, (("async def on_message(", "def on_message("),)
    ),
    "no_cap_on_messages": Mutation(
        "a_message_is_too_large",
        "the connection was lost over it",
        EDGE_HUB,
        (("if len(body) > MAX_BODY_BYTES:", "if False:"),),
    ),
    "no_cap_on_events": Mutation(
        "an_event_is_too_large",
        "nothing waits for ever",
        "host/outbox.py",
        (("if len(body) > MAX_BODY_BYTES:", "if False:"),),
    ),
    "keep_alive_of_the_sdk": Mutation(
        "the_hub_freezes", "noticed", EDGE_HUB, (("keep_alive=self._timing.keep_alive", "keep_alive=60"),)
    ),
    "long_pause": Mutation("the_connection_drops", "back", EDGE_HUB, (("retry: float = 1.0", "retry: float = 20.0"),)),
    "made_in_the_loop": Mutation(
        "making_a_client_takes_long",
        "the loop stood still",
        EDGE_HUB,
        (('threading.Thread(target=call, name="azure-iot-device", daemon=True).start()', "call()"),),
    ),
    "no_content_type": Mutation(
        "a_route_reads_the_body",
        "the route took []",
        EDGE_HUB,
        ((", form.content_encoding, form.content_type)", ")"),),
    ),
    "silence_is_trusted": Mutation(
        "the_hub_forgets_every_subscription", "a new client", EDGE_HUB, (("> self._timing.silence", "> 1e9"),)
    ),
    "twin_without_time_limit": Mutation(
        "no_twin_is_answered",
        "the request is over",
        EDGE_HUB,
        (("asyncio.wait(first, timeout=seconds", "asyncio.wait(first, timeout=None"),),
    ),
    "thread_not_watched": Mutation(
        "the_network_thread_dies", "the send is over", EDGE_HUB, (("if _network_thread_died(client):", "if False:"),)
    ),
    "requests_outlive_their_client": Mutation(
        "the_network_thread_dies_while_it_subscribes", "connected", EDGE_HUB, (("= {task, ended}", "= {task}"),)
    ),
    "deleted_in_mid_sending": Mutation(
        "the_hub_is_killed_in_mid_sending",
        "of 3000 events left the store",
        "host/delivery.py",
        (("answers, strict=True) if answer is None)", "answers, strict=True))"),),
    ),
}


class Played(NamedTuple):
    """How a situation ended."""

    status: int | None
    """None: it had to be killed."""
    seconds: float
    output: str


class Plays:
    """All situations, played a few at a time in the order of the tests, without and with mutations."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self._repository, self._folder = repository, folder
        self.pool = ThreadPoolExecutor(MAX_CONCURRENT)
        self.as_it_is: dict[str, Future[Played]] = {
            name: self.pool.submit(self._play, name, name, repository, PATIENCE) for name in SITUATIONS
        }
        self.mutated: dict[str, Future[Played]] = {
            name: self.pool.submit(self._play_mutated, name, mutation) for name, mutation in MUTATIONS.items()
        }

    def _play_mutated(self, name: str, mutation: Mutation) -> Played:
        won = self.as_it_is[mutation.situation].result()
        mutated = self._folder / f"{name}.src"
        shutil.copytree(self._repository / "storeflow", mutated / "storeflow")
        edits = [(mutation.file, *edit) for edit in mutation.edits]
        for file, old, new in [*edits, *mutation.elsewhere]:
            source = mutated / "storeflow" / file
            text = source.read_text()
            assert text.count(old) == 1, f"{file} holds {text.count(old)} times what {name} takes out: {old!r}"
            source.write_text(text.replace(old, new))
        # For each thing awaited it is given twice the time that storeflow as it is needed for all of them.
        return self._play(name, mutation.situation, mutated, 2 * won.seconds)

    def _play(self, name: str, situation: str, source: Path, patience: float) -> Played:
        folder = self._folder / name
        folder.mkdir()
        command = [sys.executable, str(SCRIPT), situation, str(folder), str(patience)]
        path = os.pathsep.join([str(source), str(self._repository)])
        started_at = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - ours
            command,
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=4 * PATIENCE)
            status: int | None = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = None
        return Played(status, time.monotonic() - started_at, output.decode(errors="replace")[-6000:])


@pytest.fixture(scope="module")
def plays(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    """Every situation, on its way."""
    found = Plays(repository, tmp_path_factory.mktemp("t"))
    yield found
    found.pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_storeflow_holds(situation: str, plays: Plays) -> None:
    played = plays.as_it_is[situation].result()
    assert played.status == WON, played.output


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_without_its_mitigation_it_does_not(mutation: str, plays: Plays) -> None:
    played = plays.mutated[mutation].result()
    assert played.status == LOST, f"{MUTATIONS[mutation].situation} ended with {played.status}:\n{played.output}"
    (verdict,) = [line for line in played.output.splitlines() if line.startswith("AssertionError: ")]
    assert MUTATIONS[mutation].lost_by in verdict, played.output


def test_every_situation_is_lost_without_something() -> None:
    assert {mutation.situation for mutation in MUTATIONS.values()} == set(SITUATIONS)
