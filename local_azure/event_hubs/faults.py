"""Named fault switches: how a test or a demonstration makes the namespace misbehave."""

from dataclasses import dataclass

from local_azure.switches import Switches


@dataclass
class Faults(Switches):
    """What the namespace does wrong at the moment; the defaults are one in good health.

    Attributes:
        hub: the only event hub whose links the faults below meet, in lower case; empty for all.
        refuse: end every new connection at once, as a gateway that is away does.
        ack_lost: store the next so many publications and drop their connection instead of acknowledging them: the
            producer sends them again, and consumers get them twice under two sequence numbers.
        throttle: answer the next so many publications with ServerBusy 50002 and store nothing: the SDK waits four
            seconds, then tries again.
        read_only: refuse publications as an event hub does whose status is `SendDisabled`; reading goes on.
        ack_delay: seconds between storing a publication and acknowledging it.
        delivery_delay: seconds by which events reach consumers late.
        clock_ahead: seconds by which the namespace's clock runs ahead when it looks at a token's end.
    """

    hub: str = ""
    refuse: bool = False
    ack_lost: int = 0
    throttle: int = 0
    read_only: bool = False
    ack_delay: float = 0.0
    delivery_delay: float = 0.0
    clock_ahead: float = 0.0

    def meets(self, hub: str) -> bool:
        """Say whether links of this event hub are to suffer."""
        return self.hub in ("", hub)

    def take(self, name: str, hub: str) -> bool:
        """Use up one of a counted fault, if any is left for this event hub."""
        return self.meets(hub) and self.count_down(name)
