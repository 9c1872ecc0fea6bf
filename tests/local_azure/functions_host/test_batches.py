from local_azure.functions_host.batches import Batches
from local_azure.functions_host.settings import EventHubsOptions


def batches(**options: float) -> Batches[int]:
    return Batches(EventHubsOptions.model_validate(options))


def test_events_go_on_at_once_in_batches_of_the_largest_size() -> None:
    waiting = batches(max_event_batch_size=3)
    assert list(waiting.take(range(7), now=0)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(waiting.take([], now=1)) == []


def test_too_few_wait_for_more() -> None:
    waiting = batches(min_event_batch_size=3, max_event_batch_size=4, max_wait_time=60)
    assert list(waiting.take([1, 2], now=0)) == []
    assert list(waiting.take([3, 4, 5], now=1)) == [[1, 2, 3, 4]]
    assert list(waiting.take([6, 7], now=2)) == [[5, 6, 7]]


def test_too_few_go_on_when_they_have_waited_long_enough() -> None:
    waiting = batches(min_event_batch_size=3, max_wait_time=60)
    assert list(waiting.take([1], now=100)) == []
    assert list(waiting.take([2], now=159)) == []
    assert list(waiting.take([], now=160)) == [[1, 2]]
    assert list(waiting.take([3], now=219)) == []


def test_a_checkpoint_is_due_after_every_few_batches() -> None:
    waiting = batches(batch_checkpoint_frequency=2)
    assert not waiting.owes_a_checkpoint
    assert [waiting.begin(), waiting.begin()] == [False, True]
    waiting.checkpointed()
    assert not waiting.owes_a_checkpoint
    assert waiting.begin() is False
    assert waiting.owes_a_checkpoint
