"""The one thread that calls a module, and commits what the module returns before anybody hears of it."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from storeflow.configuration import Configuration, ConfigurationState, Status
from storeflow.custody import EVENTS_INPUT, Receipt, receipt_for
from storeflow.errors import ContractError, StorageError
from storeflow.module import HasMethods, HasSinks, Method, Module, ModuleContext, Output, Sink
from storeflow.outbox import CorruptOutboxError, Outbox, event_key

LOG = logging.getLogger(__name__)
ModuleFactory = Callable[[ModuleContext, bytes | None], Module]
"""The module's class: context and last checkpoint in, module out."""
_WORK_SECONDS = 0.2
"""One call of `Module.work` at most, and so how long a twin edit waits for a busy module."""
_CHECKPOINT_SECONDS = 1.0
"""Between two commits of a module that has something to remember and nothing to tell."""
_RESTORE_SECONDS = 60.0
"""Between two attempts at a kept section that could not be used: what it names may have arrived since."""
_FAILURES_AT_MOST = 5
"""An event that the module failed on so often is set aside, else its sender would send it for ever."""
_MESSAGES_AT_ONCE = 200
_MESSAGES_WAITING = 1000


class Worker:
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
        self._messages: queue.Queue[tuple[str, bytes]] = queue.Queue(maxsize=_MESSAGES_WAITING)
        self._twins: queue.SimpleQueue[tuple[Mapping[str, Any], Future[dict[str, Status]]]] = queue.SimpleQueue()
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

    def methods(self) -> Mapping[str, Method]:
        """The module's own direct methods."""
        return self._module.methods if isinstance(self._module, HasMethods) else {}

    @property
    def configuration(self) -> ConfigurationState:
        """How the module's sections stand."""
        return self._configuration.state

    def put_message(self, input_name: str, body: bytes) -> None:
        """Queue a message; one that finds no room comes again, for want of a receipt."""
        try:
            self._messages.put_nowait((input_name, body))
        except queue.Full:
            self.counts["messages_dropped"] += 1
            if self.counts["messages_dropped"] % _MESSAGES_WAITING == 1:
                LOG.warning("the module is too slow: %d messages dropped so far", self.counts["messages_dropped"])

    def apply_twin(self, desired: Mapping[str, Any]) -> Future[dict[str, Status]]:
        """Take over the desired properties between two pieces of work; the answer says what became of each section."""
        answer: Future[dict[str, Status]] = Future()
        self._twins.put((desired, answer))
        return answer

    def _run(self) -> None:
        try:
            self._checkpoint = self._outbox.checkpoint()
            module = self._module = self._factory(self._context, self._checkpoint)
            try:
                self._drive(module)
            finally:
                module.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the host has to hear of it
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    def _drive(self, module: Module) -> None:
        configuration = self._configuration = Configuration(module.sections, module.configure, self._keep_section)
        message_driven = getattr(module, "message_driven", False)
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
            outputs, receipts = self._take_messages(module, _WORK_SECONDS if message_driven else 0.0)
            outputs.extend(module.work(0.0 if message_driven else _WORK_SECONDS))
            if outputs or receipts or time.monotonic() - self._committed_at > _CHECKPOINT_SECONDS:
                kept = self._commit(module, outputs, receipts)
        # A module that never worked may not have taken up yet what it was given of its last checkpoint, and one whose
        # events were not kept must not remember them as told.
        if worked and kept:
            self._commit(module, [], [])

    def _restore(self, configuration: Configuration, sections: Sequence[str]) -> None:
        for name in sections:
            if (kept := self._outbox.section(name)) is not None:
                configuration.restore(name, *kept)

    def _take_twin(self, configuration: Configuration) -> None:
        """Apply a new twin; without any configuration there is nothing else to do than wait for one."""
        try:
            desired, answer = self._twins.get(timeout=0.0 if configuration.complete else _WORK_SECONDS)
        except queue.Empty:
            return
        statuses = configuration.apply(desired)
        if answer.set_running_or_notify_cancel():
            answer.set_result(statuses)

    def _take_messages(self, module: Module, timeout: float) -> tuple[list[Output], list[Receipt]]:
        """Hand the module what waits for it, up to a batch; one bad message stops none of the others.

        Only a ContractError says that the event is at fault. Whatever else the module raises says that the module is:
        there is no receipt, and the event comes again.
        """
        outputs: list[Output] = []
        receipts: list[Receipt] = []
        for number in range(_MESSAGES_AT_ONCE):
            try:
                input_name, body = self._messages.get(timeout=0.0 if number else timeout)
            except queue.Empty:
                break
            receipt = receipt_for(body, refused=False) if input_name == EVENTS_INPUT else None
            try:
                outputs.extend(module.on_message(input_name, body))
            except ContractError as error:
                LOG.warning("%s refused: %s", receipt.named if receipt else f"message on {input_name}", error)
                self.counts["messages_refused"] += 1
                receipt = receipt and receipt._replace(refused=True)
            except Exception as error:
                LOG.exception("the module failed on %s", receipt.named if receipt else f"a message on {input_name}")
                self.counts["messages_failed"] += 1
                receipt = receipt and self._after_failure(receipt, body, error)
            if receipt is not None:
                receipts.append(receipt)
        return outputs, receipts

    def _after_failure(self, receipt: Receipt, body: bytes, error: Exception) -> Receipt | None:
        """No receipt, until the event failed so often that it is set aside; then that it is refused."""
        key = event_key(receipt.source, receipt.id)
        failures = self._failures[key] = self._failures.pop(key, 0) + 1
        if len(self._failures) > _MESSAGES_WAITING:
            del self._failures[next(iter(self._failures))]
        if failures < _FAILURES_AT_MOST:
            return None
        try:
            self._outbox.quarantine(key, body, f"{type(error).__name__}: {error}", time.time())
        except CorruptOutboxError:
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
        checkpoint, last_time = module.checkpoint(), False
        while outputs or receipts or checkpoint != self._checkpoint:  # else there is nothing to keep
            try:
                self._outbox.commit(outputs, checkpoint, time.time())
                self._checkpoint = checkpoint
                break
            except CorruptOutboxError:
                raise
            except StorageError as error:
                if last_time:
                    LOG.error("%d events are not kept, nor is what led to them: %s", len(outputs), error)  # noqa: TRY400 - a traceback says no more
                    return False
                LOG.warning("nothing can be kept, the module waits: %s", error)
                self.beat = time.monotonic()
                last_time = self._closing.wait(self._retry_seconds)
        self._committed_at = time.monotonic()
        self.metrics = dict(module.metrics())
        if outputs or receipts:
            self._committed(receipts)
        return True

    def _keep_section(self, name: str, document: Any, version: int) -> None:
        try:
            self._outbox.keep_section(name, document, version)
        except CorruptOutboxError:
            raise
        except StorageError as error:
            LOG.warning("%s is in force but will not survive a restart: %s", name, error)


def _nothing(*_: Any) -> None:
    """There is no module yet to configure."""
