"""Frames in, tracked detections out."""
