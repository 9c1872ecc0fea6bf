import pytest

from storeflow.contract.events import (
    EVENT_MODELS,
    AreaOccupancy,
    CameraEvent,
    StoreEvent,
)


@pytest.mark.parametrize("model", EVENT_MODELS.values(), ids=EVENT_MODELS)
def test_every_event_is_of_one_camera_but_that_of_an_area(model: type[StoreEvent]) -> None:
    assert issubclass(model, CameraEvent) == (model is not AreaOccupancy)
