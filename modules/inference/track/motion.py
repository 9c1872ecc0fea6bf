"""Constant-velocity Kalman filters, all tracks at once, with one 2x2 covariance per track.

When the noise of every coordinate of a track is the same multiple of the identity, its 8-dimensional filter falls
apart into equal filters of (position, velocity) that share one covariance. Three numbers stand for it:

    covariance (n, 3):  variance of position, covariance of position and velocity, variance of velocity
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def predict_covariance(covariance: Floats, seconds: float, noise: Floats) -> Floats:
    """The covariance `seconds` later: F P F' + Q, with `noise` Q in the same three numbers, (n, 3) or (3,)."""
    later = covariance + noise
    later[:, 0] += seconds * (2 * covariance[:, 1] + seconds * covariance[:, 2])
    later[:, 1] += seconds * covariance[:, 2]
    return later


def acceleration_noise(seconds: float, density: Floats) -> Floats:
    """Q (n, 3) of a velocity that wanders: white acceleration of `density` (n,), in length^2 / s^3.

    Exact for any time step, so that two short steps give what one long step gives. Formula: Bar-Shalom, Li and
    Kirubarajan, "Estimation with Applications to Tracking and Navigation", 6.2.2.
    """
    steps = np.array([seconds**3 / 3, seconds**2 / 2, seconds])
    noise: Floats = density[:, None] * steps
    return noise


def gains(covariance: Floats, measurement_noise: Floats | float) -> tuple[Floats, Floats, Floats]:
    """Gain of position (n,), gain of velocity (n,) and the covariance (n, 3) after one measurement of the position."""
    position, mixed = covariance[:, 0], covariance[:, 1]
    innovation = position + measurement_noise
    of_position, of_velocity = position / innovation, mixed / innovation
    updated = covariance.copy()
    updated[:, :2] -= of_position[:, None] * covariance[:, :2]
    updated[:, 2] -= of_velocity * mixed
    return of_position, of_velocity, updated
