"""Every figure that decides who is who: the same for all cameras, clips and stores.

Lengths are in body heights (the height of the tracked box), times in seconds of `captured_at`, overlaps are IoU.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrackerParameters:
    """The default tracker's."""

    low_confidence_share: float = 0.7
    """Detections down to this share of the detector's threshold may continue a track, never begin one."""
    begin_confidence_share: float = 1.15
    """A track begins with a detection of at least this share of the detector's threshold."""

    position_noise: float = 0.08
    """Standard deviation of a detected centre, in heights."""
    acceleration_density: float = 0.5
    """How freely people change their pace: white acceleration, in heights^2 / s^3."""
    begin_speed: float = 1.0
    """Standard deviation of an unknown speed, in heights per second: people walk at about 0.8."""

    minimum_iou: float = 0.2
    """Overlap of the predicted and the detected box that makes them a pair, after the overlap of heights is weighed."""
    minimum_iou_low: float = 0.4
    """The same for a detection below the threshold."""
    low_seconds: float = 0.5
    """Detections below the threshold only continue a track that was seen this recently."""
    confirmed_bonus: float = 0.2
    """A confirmed track's claim on a detection counts this much more than a tentative one's."""
    reach_sigmas: float = 4.0
    """Without overlap, a detection this many standard deviations from where the track should be may still be its."""
    reach_margin: float = 0.25
    """But never one farther away than this, in heights..."""
    reach_speed: float = 1.5
    """...and what somebody may have walked astray since, in heights per second beside their own speed..."""
    reach_heights: float = 0.8
    """...and never one farther away than this, however long it was unseen."""
    reach_size_ratio: float = 1.5
    """And never one this many times taller or smaller."""

    confirm_seconds: float = 0.2
    """A track is believed in when its observations span this long."""
    confirm_observations: int = 3
    """And when there are this many of them: evidence, not time."""
    tentative_seconds: float = 0.65
    """A track that is not yet believed in is forgotten when unseen for longer: two frames lost at 5 a second."""
    lost_seconds: float = 2.0
    """A confirmed track is forgotten when unseen for longer."""


@dataclass(frozen=True, slots=True)
class ByteTrackParameters:
    """The `bytetrack` profile's: the defaults of `trackers` 2.6. Frames and pixels, for the sake of equality."""

    low_score: float = 0.1
    """Detections under it are not asked for; the tracker itself takes what it is given."""
    high_score: float = 0.6
    """From here on a detection is paired first."""
    new_score: float = 0.7
    """From here on a detection may begin a track."""
    minimum_iou: float = 0.1
    """Overlap of prediction and detection that makes them a pair."""
    confirm_frames: int = 2
    """Observations in a row before a track gets a number."""
    buffer_frames: int = 30
    """A track is forgotten when unseen for more frames."""
    process_noise: float = 0.01
    """Variance that position and velocity gain per frame, in pixels^2."""
    measurement_noise: float = 0.1
    """Variance of a detected edge, in pixels^2."""


DEFAULT = TrackerParameters()
BYTETRACK = ByteTrackParameters()
