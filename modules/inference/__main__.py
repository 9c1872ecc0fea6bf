"""The container's entry point: `python -m modules.inference`."""

from modules.inference.module import Inference
from storeflow.host.process import run_module

if __name__ == "__main__":
    raise SystemExit(run_module(Inference))
