"""Named fault switches: how a test or a demonstration makes the hub misbehave."""

from dataclasses import dataclass

from local_azure.switches import Switches


@dataclass
class Faults(Switches):
    """What the hub does wrong at the moment; the defaults are a hub in good health.

    Attributes:
        module: the only module to which the faults below apply; empty for all.
        refuse_connect: answer every CONNECT with this CONNACK code. 5 (not authorised) ends the
            SDK's reconnecting for good, 3 (unavailable) does not. 0 accepts.
        no_puback: take and route messages, and acknowledge none while this is set: the SDK's
            `send_message` then waits without a time limit.
        puback_lost: take and route the next so many messages without acknowledging them, then
            drop the connection: the client sends them again and they arrive twice.
        wipe_session: at the next so many connects, forget the module's session and
            subscriptions: the SDK believes itself subscribed and receives nothing.
        sign_fail: answer the next so many sign requests of the workload API with 500: the SDK
            never renews its token again.
        sign_delay: seconds to wait before answering a sign request: all sends hang meanwhile.
        lose_session: within a second, forget the subscriptions of so many modules and leave them
            connected: each of them sends as before, receives nothing and is answered nothing.
        no_twin_answer: take twin requests and answer none: the SDK waits without a time limit.
        clock_ahead: seconds by which the hub's clock runs ahead when it looks at a token's end: it
            ends connections and refuses tokens that the SDK holds to be good.
        delayed_ack: from the next connect on, leave TCP acknowledgements to the kernel, which
            waits up to 40 ms with them: payloads over 16 KiB, sent one at a time, wait as long.
    """

    module: str = ""
    refuse_connect: int = 0
    no_puback: bool = False
    puback_lost: int = 0
    wipe_session: int = 0
    sign_fail: int = 0
    sign_delay: float = 0.0
    lose_session: int = 0
    no_twin_answer: bool = False
    clock_ahead: float = 0.0
    delayed_ack: bool = False

    def applies_to(self, module_id: str) -> bool:
        """Say whether this module is to suffer."""
        return self.module in ("", module_id)

    def take(self, name: str, module_id: str) -> bool:
        """Use up one of a counted fault, if any is left for this module."""
        return self.applies_to(module_id) and self.count_down(name)
