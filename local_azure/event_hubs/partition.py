"""One partition: appends, finds positions, forgets what is old."""

from collections.abc import Callable, Iterable
from operator import itemgetter

from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.positions import Measure, Position
from local_azure.event_hubs.publications import Place, Publication, stored_event
from local_azure.event_hubs.store import PartitionState, Store, StoredEvent

ARGUMENT_ERROR = "com.microsoft:argument-error"


class Partition:
    """A log of events. What is appended can be read once the namespace has committed it.

    Attributes:
        first_sequence: of the oldest event that is left; the next event's where none is.
        committed: the sequence number up to which events can be read, itself excluded.
        listeners: called after each commit.
    """

    def __init__(self, store: Store, state: PartitionState) -> None:
        self._store = store
        self._state = state
        self._pending: list[StoredEvent] = []
        first = store.first_sequence(state.number)
        self.first_sequence = state.next_sequence if first is None else first
        self.committed = state.next_sequence
        self.listeners: set[Callable[[], None]] = set()

    @property
    def id(self) -> str:
        """Its name: a number."""
        return self._state.id

    @property
    def last_offset(self) -> int:
        """Of the newest event ever; -1 before the first."""
        return self._state.last_offset

    @property
    def last_enqueued_at(self) -> int:
        """Of the newest event ever, milliseconds since the epoch; 0 before the first."""
        return self._state.last_enqueued_at

    @property
    def pending(self) -> tuple[PartitionState, list[StoredEvent]]:
        """What a commit has to keep."""
        return self._state, self._pending

    def append(self, publication: Publication, now_ms: int, publisher: str = "") -> None:
        """Give the events of a publication their places; enqueued times never go back, whatever the clock does."""
        state = self._state
        for event in publication.events:
            place = Place(state.next_sequence, state.next_offset, max(now_ms, state.last_enqueued_at))
            payload = stored_event(event, place, publication.key, publisher)
            self._pending.append(StoredEvent(place.sequence_number, place.offset, place.enqueued_at, payload))
            state.last_offset, state.last_enqueued_at = place.offset, place.enqueued_at
            state.next_sequence += 1
            state.next_offset += len(payload)

    def committed_now(self) -> None:
        """Let readers have what was pending."""
        self._pending.clear()
        self.committed = self._state.next_sequence

    def read(self, start: int, end: int, limit: int) -> Iterable[tuple[int, bytes]]:
        """Return up to `limit` committed events from one sequence number on, to another, itself excluded.

        Where the first has expired, it is from the oldest event on.
        """
        start = max(start, self.first_sequence)
        count = min(limit, end - start, self.committed - start)
        return self._store.read(self._state.number, start, count) if count > 0 else ()

    def find(self, position: Position) -> int:
        """Return the sequence number at which a reader begins.

        A position that has expired is the oldest event that is left: the service begins there without a word
        (Azure/azure-event-hubs-spark, issues 361 and 488, which notices by the numbers it receives).

        Raises:
            AmqpError: `com.microsoft:argument-error`; the position is later than the last event
                (Azure/azure-event-hubs-python, issue 13; azure-event-hubs-spark, issue 315).
        """
        if position.value is None:
            return self.committed
        if position.is_earliest:
            return self.first_sequence
        if position.measure is Measure.ENQUEUED_TIME:
            return self._search(itemgetter(1), position.value, inclusive=position.inclusive)
        if position.measure is Measure.OFFSET:
            self._check("offset", position.value, self.last_offset)
            return self._search(itemgetter(0), position.value, inclusive=position.inclusive)
        self._check("sequence number", position.value, self.committed - 1)
        return max(self.first_sequence, position.value + (not position.inclusive))

    def expire(self, before_ms: int, most_bytes: int) -> None:
        """Forget events that were enqueued before a time, and the oldest beyond a number of bytes, if it isn't 0."""
        keep_from = self._search(itemgetter(1), before_ms, inclusive=True)
        if most_bytes:
            oldest = self._state.next_offset - most_bytes
            keep_from = max(keep_from, self._search(itemgetter(0), oldest, inclusive=True))
        if keep_from > self.first_sequence:
            self._store.delete_before(self._state.number, keep_from)
            self.first_sequence = keep_from

    def _search(self, measure: Callable[[tuple[int, int]], int], value: int, *, inclusive: bool) -> int:
        """Find the first committed event whose measure is beyond a value: both measures only grow."""
        low, high = self.first_sequence, self.committed
        while low < high:
            middle = (low + high) // 2
            found = measure(self._store.place(self._state.number, middle))
            if found > value or (inclusive and found == value):
                high = middle
            else:
                low = middle + 1
        return low

    def _check(self, what: str, value: int, last: int) -> None:
        if value > last:
            raise AmqpError(
                ARGUMENT_ERROR, f"The supplied {what} '{value}' is invalid. The last {what} in the system is '{last}'"
            )
