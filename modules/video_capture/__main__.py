"""The container's entry point."""

from modules.video_capture.module import VideoCapture
from storeflow.host import run_module

raise SystemExit(run_module(VideoCapture))
