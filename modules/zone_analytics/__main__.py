"""The container's entry point: `python -m modules.zone_analytics`."""

from modules.zone_analytics.module import ZoneAnalytics
from storeflow.host.process import run_module

if __name__ == "__main__":
    raise SystemExit(run_module(ZoneAnalytics))
