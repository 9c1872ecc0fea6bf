"""Cameras in, frames out: decoded, sampled, cropped and masked."""
