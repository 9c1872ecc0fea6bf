"""The one thread that calls a module, and commits what the module returns before anything else sees it."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from storeflow.errors import ContractError, StorageError
from storeflow.host.configuration import Acknowledgement, Configuration, ConfigurationState
from storeflow.host.courier import Courier, HasCouriers
from storeflow.host.custody import EVENTS, Arrived, Receipt, events_in
from storeflow.host.database import CorruptDatabaseError
from storeflow.host.module import (
    HasCheckpoint,
    HasInputs,
    HasMethods,
    HasSinks,
    HasWork,
    Method,
    Module,
    ModuleContext,
    ModuleFactory,
    Output,
    Sink,
)
from storeflow.host.outbox import Outbox, event_key

LOG = logging.getLogger(__name__)
_WORK_SECONDS = 0.2
"""For one call of `work`, or one wait for messages, and so how long a twin edit waits for a busy module."""
_CHECKPOINT_SECONDS = 1.0
"""Between two commits of a module that has something to remember and no event to send."""
_RESTORE_SECONDS = 60.0
"""Between two attempts at a saved section that could not be used: what it names may have arrived since."""
_MAX_FAILURES = 5
"""An event that the module failed on so often is set aside, else its sender would send it for ever."""
_LOG_SECONDS = 60.0
"""Between two lines about a disk that refuses for the same reason."""
_MAX_BATCH = 200
"""Messages between two commits, and events in all but the last of them: a message may have many."""
_MAX_WAITING = 1000
"""Messages that the module has not seen yet."""


class ModuleThread:
    """Drives one module on a thread of its own. Every method but the private ones may be called from any thread.

    Args:
        factory: makes the module, on the thread.
        context: who and where the module is.
        outbox: where its events, checkpoint and configuration are kept.
        committed: called after a commit with the receipts that are now due.
        retry_seconds: until the next attempt when the disk refuses.
    """

    def __init__(
        self,
        factory: ModuleFactory,
        context: ModuleContext,
        outbox: Outbox,
        *,
        committed: Callable[[Sequence[Receipt]], None],
        retry_seconds: float,
    ) -> None:
        self._factory, self._context, self._outbox = factory, context, outbox
        self._committed, self._retry_seconds = committed, retry_seconds
        self._closing = threading.Event()
        self._messages: queue.Queue[tuple[str, bytes]] = queue.Queue(maxsize=_MAX_WAITING)
        self._twins: queue.SimpleQueue[tuple[Mapping[str, Any], Future[dict[str, Acknowledgement]]]] = (
            queue.SimpleQueue()
        )
        self._module: Module | None = None
        self._configuration = Configuration((), _nothing, _nothing)
        self._committed_at = 0.0
        self._checkpoint: bytes | None = None
        """As it is in the outbox."""
        self._failures: dict[bytes, int] = {}
        """How often the module failed on an event, by its key."""
        self._thread = threading.Thread(target=self._run, name="module", daemon=True)
        self.beat = time.monotonic()
        """When the module last came back from a call."""
        self.ended: Future[None] = Future()
        """Done when the thread is: with what ended it, or None after `stop`."""
        self.counts = dict.fromkeys(
            ("messages_dropped", "messages_refused", "messages_failed", "messages_quarantined"), 0
        )
        self.metrics: Mapping[str, float] = {}
        """The module's, as of the last commit."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Have the thread finish its piece of work, commit, close the module and end."""
        self._closing.set()

    def sinks(self) -> Mapping[str, Sink]:
        """The module's own sinks in force."""
        return self._module.sinks if isinstance(self._module, HasSinks) else {}

    def couriers(self) -> Mapping[str, Courier]:
        """Those of the module's destinations that it serves by rules of its own."""
        return self._module.couriers if isinstance(self._module, HasCouriers) else {}

    def methods(self) -> Mapping[str, Method]:
        """The module's own direct methods."""
        return self._module.methods if isinstance(self._module, HasMethods) else {}

    @property
    def configuration(self) -> ConfigurationState:
        """The state of the module's sections."""
        return self._configuration.state

    def put_message(self, input_name: str, body: bytes) -> None:
        """Queue a message; one that finds no room gets no receipt, and so comes again."""
        try:
            self._messages.put_nowait((input_name, body))
        except queue.Full:
            self.counts["messages_dropped"] += 1
            if self.counts["messages_dropped"] % _MAX_WAITING == 1:
                LOG.warning("the module is too slow: %d messages dropped so far", self.counts["messages_dropped"])

    def apply_twin(self, desired: Mapping[str, Any]) -> Future[dict[str, Acknowledgement]]:
        """Take over the desired properties between two pieces of work; the result is what to report."""
        result: Future[dict[str, Acknowledgement]] = Future()
        self._twins.put((desired, result))
        return result

    def _run(self) -> None:
        try:
            self._checkpoint = self._outbox.checkpoint()
            module = self._module = self._factory(self._context, self._checkpoint)
            try:
                self._drive(module)
            finally:
                module.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the host has to know
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    def _drive(self, module: Module) -> None:
        configuration = self._configuration = Configuration(module.sections, module.configure, self._save_section)
        work = module.work if isinstance(module, HasWork) else None
        restored_at, worked, kept = float("-inf"), False, True
        while not self._closing.is_set():
            self.beat = time.monotonic()
            if not configuration.complete and self.beat - restored_at > _RESTORE_SECONDS:
                restored_at = self.beat
                self._restore(configuration, module.sections)
            self._take_twin(configuration)
            if not configuration.complete:
                continue
            worked = True
            outputs, receipts = self._take_messages(module, 0.0 if work else _WORK_SECONDS)
            if work:
                outputs.extend(work(_WORK_SECONDS))
            if outputs or receipts or time.monotonic() - self._committed_at > _CHECKPOINT_SECONDS:
                kept = self._commit(module, outputs, receipts)
        # A module that never worked may not have made use of its last checkpoint yet, and one whose events were not
        # kept must not remember them as sent.
        if worked and kept:
            self._commit(module, [], [])

    def _restore(self, configuration: Configuration, sections: Sequence[str]) -> None:
        for name in sections:
            if (saved := self._outbox.section(name)) is not None:
                configuration.restore(name, *saved)

    def _take_twin(self, configuration: Configuration) -> None:
        """Apply a new twin; without any configuration there is nothing else to do than wait for one."""
        try:
            desired, result = self._twins.get(timeout=0.0 if configuration.complete else _WORK_SECONDS)
        except queue.Empty:
            return
        acknowledgements = configuration.apply(desired)
        if result.set_running_or_notify_cancel():
            result.set_result(acknowledgements)

    def _take_messages(self, module: Module, timeout: float) -> tuple[list[Output], list[Receipt]]:
        """Hand the module what waits for it, up to a batch; one bad event stops none of the others."""
        outputs: list[Output] = []
        receipts: list[Receipt] = []
        taken = 0
        while taken < _MAX_BATCH:
            try:
                input_name, body = self._messages.get(timeout=0.0 if taken else timeout)
            except queue.Empty:
                break
            events = self._unpack(body) if input_name == EVENTS else [Arrived(body, None)]
            taken += max(1, len(events))
            for event in events:
                receipt = self._hand_over(module, input_name, event, outputs)
                if receipt is not None:
                    receipts.append(receipt)
            self.beat = time.monotonic()
        return outputs, receipts

    def _unpack(self, body: bytes) -> list[Arrived]:
        try:
            return events_in(body)
        except ContractError as error:
            LOG.warning("message on %s refused: %s", EVENTS, error)
            self.counts["messages_refused"] += 1
            return []

    def _hand_over(self, module: Module, input_name: str, event: Arrived, outputs: list[Output]) -> Receipt | None:
        """Have the module handle one event or message; the receipt that is due once its outputs are kept.

        Only a ContractError says that the event is at fault. Anything else that the module raises says that the module
        is: there is no receipt, and the event comes again.
        """
        receipt = event.receipt
        try:
            outputs.extend(_on_message(module, input_name, event.body))
        except ContractError as error:
            LOG.warning("%s refused: %s", receipt.named if receipt else f"message on {input_name}", error)
            self.counts["messages_refused"] += 1
            return receipt and receipt._replace(refused=True)
        except Exception as error:
            LOG.exception("the module failed on %s", receipt.named if receipt else f"a message on {input_name}")
            self.counts["messages_failed"] += 1
            return receipt and self._after_failure(receipt, event.body, error)
        return receipt

    def _after_failure(self, receipt: Receipt, body: bytes, error: Exception) -> Receipt | None:
        """No receipt, until the event failed so often that it is set aside; then that it is refused."""
        key = event_key(receipt.source, receipt.id)
        failures = self._failures[key] = self._failures.pop(key, 0) + 1
        if len(self._failures) > _MAX_WAITING:
            del self._failures[next(iter(self._failures))]
        if failures < _MAX_FAILURES:
            return None
        try:
            self._outbox.quarantine(key, body, f"{type(error).__name__}: {error}", time.time())
        except CorruptDatabaseError:
            raise
        except StorageError as disk:
            LOG.warning("%s, can't be set aside, it will come again: %s", receipt.named, disk)
            return None
        self.counts["messages_quarantined"] += 1
        LOG.error(
            "%s: the module failed on it %d times; it is in the table quarantine of the outbox now",
            receipt.named,
            failures,
        )
        return receipt._replace(refused=True)

    def _commit(self, module: Module, outputs: Sequence[Output], receipts: Sequence[Receipt]) -> bool:
        """Keep everything in one transaction; while the disk refuses, nothing else happens and nothing is lost.

        Once the thread is to end, the disk is asked one last time. Returns whether everything was kept; if not, the
        outbox is as it was before, and no newer checkpoint may come into it.
        """
        checkpoint, made = None, not isinstance(module, HasCheckpoint)
        last_time, logged, logged_at = False, "", float("-inf")
        while True:
            try:
                if isinstance(module, HasCheckpoint) and not made:
                    # It may keep something beside the outbox, and takes a second call to mean that the outbox is kept.
                    checkpoint, made = module.checkpoint(), True
                if outputs or receipts or checkpoint != self._checkpoint:
                    self._outbox.commit(outputs, checkpoint, time.time())
                    self._checkpoint = checkpoint
                break
            except CorruptDatabaseError:
                raise
            except StorageError as error:
                if last_time:
                    LOG.error("%d events are not kept, nor is what led to them: %s", len(outputs), error)  # noqa: TRY400 - a traceback says no more
                    return False
                self.beat = time.monotonic()
                if str(error) != logged or self.beat - logged_at >= _LOG_SECONDS:
                    LOG.warning("nothing can be kept, the module waits: %s", error)
                    logged, logged_at = str(error), self.beat
                last_time = self._closing.wait(self._retry_seconds)
        self._committed_at = time.monotonic()
        self.metrics = dict(module.metrics())
        if outputs or receipts:
            self._committed(receipts)
        return True

    def _save_section(self, name: str, document: Any, version: int) -> None:
        try:
            self._outbox.save_section(name, document, version)
        except CorruptDatabaseError:
            raise
        except StorageError as error:
            LOG.warning("%s is in force but will not survive a restart: %s", name, error)


def _on_message(module: Module, input_name: str, body: bytes) -> Sequence[Output]:
    if not isinstance(module, HasInputs):
        raise ContractError(f"input {input_name!r}: this module has no inputs; {len(body)} bytes were dropped")
    return module.on_message(input_name, body)


def _nothing(*_: Any) -> None:
    """There is no module yet to configure."""
