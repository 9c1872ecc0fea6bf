"""`python -m modules.upstream_router`: what the container runs."""

from modules.upstream_router.module import UpstreamRouter
from storeflow.host.process import run_module

if __name__ == "__main__":
    raise SystemExit(run_module(UpstreamRouter))
