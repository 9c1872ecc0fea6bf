"""The container's entry point: `python -m modules.video_capture`."""

from modules.video_capture.module import VideoCapture
from storeflow.host.process import run_module

if __name__ == "__main__":
    raise SystemExit(run_module(VideoCapture))
