import numpy as np

from storeflow.frames import i420


def test_planes_are_views_of_their_array_in_the_order_y_u_v() -> None:
    array = np.arange(i420.byte_count(4, 6), dtype=np.uint8).reshape(i420.shape(4, 6))
    planes = i420.planes(array)
    assert [plane.shape for plane in planes] == [(6, 4), (3, 2), (3, 2)]
    assert [int(plane[0, 0]) for plane in planes] == [0, 24, 30]
    planes.v[:] = 99
    assert (array.reshape(-1)[30:] == 99).all()
    assert (array.reshape(-1)[:30] < 30).all()
