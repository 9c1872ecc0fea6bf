"""The small pure files: addresses, positions, the hash, throughput, readers, tokens, the configuration."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from azure.eventhub._buffered_producer._partition_resolver import generate_hash_code
from azure.eventhub._client_base import _generate_sas_token
from hypothesis import given
from hypothesis import strategies as st

from local_azure.event_hubs.addresses import Address, lies_under
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.types import Described, Symbol
from local_azure.event_hubs.authentication import TokenRefusedError, check, rules_of, sign
from local_azure.event_hubs.config import AuthorizationRule, HubConfig, NamespaceConfig, load_config, read_hub
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.faults import Faults
from local_azure.event_hubs.partition_hash import key_hash, partition_of
from local_azure.event_hubs.positions import LATEST, Measure, Position, read_position
from local_azure.event_hubs.receivers import Receivers
from local_azure.event_hubs.session import serial_difference
from local_azure.event_hubs.throughput import Throughput
from storeflow.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Telemetry", Address("telemetry")),
        ("amqps://host:5672/telemetry", Address("telemetry")),
        ("telemetry/Partitions/1", Address("telemetry", partition="1")),
        ("telemetry/publishers/Store%201", Address("telemetry", publisher="Store 1")),
        ("sb://host/telemetry/ConsumerGroups/$Default/Partitions/0", Address("telemetry", "$default", "0")),
    ],
)
def test_an_address_names_a_hub_and_a_place_in_it(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text", ["", "/", "telemetry/Partitions", "telemetry/Queues/1", "telemetry/Partitions/0/ConsumerGroups/x"]
)
def test_another_address_is_not_found(text: str) -> None:
    with pytest.raises(AmqpError, match="amqp:not-found"):
        Address.parse(text)


def test_a_scope_holds_what_lies_below_it_by_segments() -> None:
    assert lies_under(["Telemetry", "publishers", "a"], ["telemetry"])
    assert not lies_under(["telemetry2"], ["telemetry"])
    assert not lies_under(["telemetry"], ["telemetry", "publishers", "a"])


@pytest.mark.parametrize(
    ("selector", "position"),
    [
        ("amqp.annotation.x-opt-offset > '-1'", Position(Measure.OFFSET, -1, inclusive=False)),
        ("amqp.annotation.x-opt-offset > '@latest'", LATEST),
        ("amqp.annotation.x-opt-sequence-number >= '7'", Position(Measure.SEQUENCE_NUMBER, 7, inclusive=True)),
        ("amqp.annotation.x-opt-enqueued-time > '17'", Position(Measure.ENQUEUED_TIME, 17, inclusive=False)),
    ],
)
def test_a_selector_is_a_position(selector: str, position: Position) -> None:
    key = Symbol("apache.org:selector-filter:string")
    assert read_position({key: Described(key, selector)}) == position
    assert read_position({key: selector}) == position


def test_without_a_selector_a_reader_begins_at_the_end() -> None:
    assert read_position(None) == read_position({}) == LATEST


def test_another_selector_is_refused() -> None:
    with pytest.raises(AmqpError, match="amqp:invalid-field"):
        read_position({"x": "amqp.annotation.x-opt-colour = 'red'"})


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_the_hash_is_the_sdks(key: str) -> None:
    sdk: Any = generate_hash_code  # untyped
    assert key_hash(key) == sdk(key)


def test_a_negative_hash_counts_as_its_absolute_value_as_in_csharp() -> None:
    key = next(key for key in map(str, range(100)) if key_hash(key) < 0 and key_hash(key) % 7 != abs(key_hash(key)) % 7)
    assert partition_of(key, 7) == abs(key_hash(key)) % 7
    assert {partition_of(str(number), 7) for number in range(200)} == set(range(7))


def test_a_unit_takes_a_thousand_events_a_second_and_owes_what_goes_over() -> None:
    throughput = Throughput(1)
    assert throughput.admit(600, 10, 0.0)
    assert throughput.admit(600, 10, 0.5)
    assert not throughput.admit(1, 10, 0.9)
    assert throughput.admit(800, 10, 1.0), "200 were owed"
    assert not throughput.admit(1, 10, 1.9)
    assert throughput.admit(2500, 10, 2.0), "larger than a second's worth"
    assert not throughput.admit(1, 10, 3.0)
    assert throughput.admit(1, 10, 4.0), "500 are owed"


def test_a_unit_takes_a_megabyte_a_second() -> None:
    throughput = Throughput(2)
    assert throughput.admit(1, 1024 * 1024, 0.0)
    assert throughput.admit(1, 1024 * 1024, 0.0)
    assert not throughput.admit(1, 1, 0.0)
    assert throughput.admit(1, 1, 1.0)


@dataclass(eq=False)
class Reader:
    """A link that reads."""

    epoch: int | None
    receiver_name: str = "nil"


def test_the_sixth_reader_without_an_epoch_is_refused() -> None:
    receivers = Receivers()
    readers = [Reader(None, f"r{index}") for index in range(5)]
    for reader in readers:
        assert receivers.add("p", reader) == []
    with pytest.raises(AmqpError, match=r"amqp:resource-limit-exceeded.*which is 5.*r0, r1, r2, r3, r4"):
        receivers.add("p", Reader(None))
    assert receivers.add("another place", Reader(None)) == []
    receivers.remove("p", readers[0])
    assert receivers.add("p", Reader(None)) == []
    assert receivers.count() == 6


def test_an_epoch_takes_the_place_of_lower_and_equal_ones_and_of_readers_without() -> None:
    receivers = Receivers()
    without = [Reader(None), Reader(None)]
    for reader in without:
        receivers.add("p", reader)
    first, second, third = Reader(0), Reader(0), Reader(3)
    assert [stolen.receiver for stolen in receivers.add("p", first)] == without
    assert [stolen.receiver for stolen in receivers.add("p", second)] == [first]
    (stolen,) = receivers.add("p", third)
    assert stolen.receiver is second
    assert stolen.error.condition == "amqp:link:stolen"
    for late in (Reader(2), Reader(None)):
        with pytest.raises(AmqpError, match="amqp:link:stolen"):
            receivers.add("p", late)
    receivers.remove("p", third)
    assert receivers.add("p", Reader(1)) == []


def test_sequence_numbers_wrap_round() -> None:
    assert serial_difference(5, 3) == 2
    assert serial_difference(2, 2**32 - 1) == 3
    assert serial_difference(2**32 - 1, 2) == -3


NAMESPACE = NamespaceConfig(
    authorization_rules=(AuthorizationRule(name="root", key="cm9vdA=="),),
    entities=(
        HubConfig(
            name="telemetry", authorization_rules=(AuthorizationRule(name="senders", key="k", rights=("Send",)),)
        ),
        HubConfig(name="other"),
    ),
)
RULES = rules_of(NAMESPACE)
NOW = 1_700_000_000.0


def test_a_token_of_the_sdks_is_good_until_it_ends() -> None:
    token = _generate_sas_token("sb://host:5672/telemetry", "root", "cm9vdA==").token
    grant = check(token, "sb://host:5672/telemetry", RULES, time.time())
    assert grant.allows(["telemetry", "Partitions", "0"], "Send", time.time())
    assert grant.allows(["Telemetry"], "Listen", time.time())
    assert not grant.allows(["other"], "Send", time.time())
    assert not grant.allows(["telemetry"], "Send", time.time() + 3601)


@pytest.mark.parametrize(
    ("token", "audience", "reason"),
    [
        (sign("sb://h/telemetry", "root", "wrong", int(NOW) + 60), "sb://h/telemetry", "InvalidSignature"),
        (sign("sb://h/telemetry", "nobody", "cm9vdA==", int(NOW) + 60), "sb://h/telemetry", "InvalidSignature"),
        (sign("sb://h/telemetry", "root", "cm9vdA==", int(NOW)), "sb://h/telemetry", "ExpiredToken"),
        (sign("sb://h/other", "root", "cm9vdA==", int(NOW) + 60), "sb://h/telemetry", "InvalidAudience"),
        (sign("sb://h/other", "senders", "k", int(NOW) + 60), "sb://h/other", "InvalidSignature"),
        (
            sign("sb://h/telemetry", "senders", "k", int(NOW) + 60).replace(
                f"se={int(NOW) + 60}", f"se={int(NOW) + 99}"
            ),
            "sb://h/telemetry",
            "InvalidSignature",
        ),
        ("SharedAccessSignature sr=x&sig=y&se=soon&skn=z", "sb://h/telemetry", "MalformedToken"),
        ("Bearer eyJ0", "sb://h/telemetry", "MalformedToken"),
        ("", "sb://h/telemetry", "MalformedToken"),
    ],
)
def test_a_token_that_opens_nothing_is_refused_with_its_reason(token: str, audience: str, reason: str) -> None:
    with pytest.raises(TokenRefusedError, match=reason):
        check(token, audience, RULES, NOW)


def test_a_token_for_the_namespace_opens_its_hubs_and_one_for_a_publisher_only_that() -> None:
    whole = check(sign("sb://h/", "root", "cm9vdA==", int(NOW) + 60), "sb://h/other", RULES, NOW)
    assert whole.scope == ("other",)
    name = "sb://h/telemetry/publishers/store-1"
    one = check(sign(name, "senders", "k", int(NOW) + 60), name, RULES, NOW)
    assert one.allows(["telemetry", "publishers", "store-1"], "Send", NOW)
    assert not one.allows(["telemetry", "publishers", "store-2"], "Send", NOW)
    assert not one.allows(["telemetry"], "Send", NOW)
    assert not one.allows(["telemetry", "publishers", "store-1"], "Listen", NOW)
    assert quote_plus(name) in sign(name, "senders", "k", 1)


def test_a_connection_string_is_read_and_written() -> None:
    text = "Endpoint=sb://127.0.0.1:5699;SharedAccessKeyName=p;SharedAccessKey=a=b=;UseDevelopmentEmulator=true"
    parsed = ConnectionString.parse(f"{text};EntityPath=telemetry")
    assert (parsed.host, parsed.port, parsed.key, parsed.hub, parsed.development) == (
        *("127.0.0.1", 5699, "a=b=", "telemetry"),
        True,
    )
    assert str(parsed) == f"{text};EntityPath=telemetry"
    assert "a=b=" not in repr(parsed)
    with pytest.raises(ConfigError, match="SharedAccessKey: missing"):
        ConnectionString.parse("Endpoint=sb://x;SharedAccessKeyName=p")


def config_file(folder: Path, **namespace: Any) -> Path:
    path = folder / "Config.json"
    document = {"Type": "EventHub", "Name": "emulatorNs1", "Entities": [{"Name": "a"}], **namespace}
    path.write_text(json.dumps({"UserConfig": {"NamespaceConfig": [document], "LoggingConfig": {"Type": "File"}}}))
    return path


def test_the_emulators_document_is_read(tmp_path: Path) -> None:
    entity = {"Name": "eh1", "PartitionCount": "2", "ConsumerGroups": [{"Name": "CG1"}]}
    config = load_config(config_file(tmp_path, Entities=[entity]))
    assert config.entities[0].partition_count == 2
    assert config.entities[0].groups == {"$default", "cg1"}
    assert config.max_message_bytes == 1024 * 1024


def test_basic_is_smaller(tmp_path: Path) -> None:
    assert load_config(config_file(tmp_path, Sku="Basic")).max_message_bytes == 256 * 1024
    grouped = config_file(tmp_path, Sku="Basic", Entities=[{"Name": "a", "ConsumerGroups": [{"Name": "g"}]}])
    with pytest.raises(ConfigError, match="Basic has no consumer groups"):
        load_config(grouped)


@pytest.mark.parametrize(
    ("namespace", "fact"),
    [
        ({"Entities": [{"Name": "a", "PartitionCount": 33}]}, "PartitionCount"),
        ({"Entities": [{"Name": "a"}, {"Name": "A"}]}, "two have the same name"),
        ({"Entities": [{"Name": "a", "Colour": "red"}]}, "Colour"),
        ({"Sku": "Platinum"}, "Sku"),
    ],
)
def test_a_wrong_document_is_named(tmp_path: Path, namespace: dict[str, Any], fact: str) -> None:
    with pytest.raises(ConfigError, match=fact):
        load_config(config_file(tmp_path, **namespace))


def test_a_document_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "Config.json"
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"Config\.json"):
        load_config(path)


def test_a_hub_has_a_short_form() -> None:
    assert read_hub("telemetry") == HubConfig(name="telemetry")
    hub = read_hub("telemetry:4:landing,bi")
    assert hub.partition_count == 4
    assert hub.groups == {"$default", "landing", "bi"}
    with pytest.raises(ConfigError, match="--hub telemetry:many: PartitionCount"):
        read_hub("telemetry:many")


def test_switches_are_checked_all_or_none() -> None:
    faults = Faults()
    with pytest.raises(ConfigError) as refused:
        faults.update({"ack_lost": True, "refuse": 1, "quake": 1, "ack_delay": 2})
    assert len(refused.value.problems) == 3
    assert faults == Faults()
    faults.update({"ack_delay": 2, "ack_lost": 1, "hub": "telemetry"})
    assert not faults.take("ack_lost", "other")
    assert faults.take("ack_lost", "telemetry")
    assert not faults.take("ack_lost", "telemetry")
    faults.update({"ack_delay": None, "hub": None})
    assert faults == Faults()
