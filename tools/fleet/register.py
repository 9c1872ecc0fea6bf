"""The register of a fleet's stores, as `config/stores.json` of the lake has it. Pure."""

import json

from tools.fleet.plan import Plan


def register(plan: Plan) -> str:
    """Return the document: each store has one device, which is called like it."""
    stores = {
        store.store_id: {
            "name": f"Fleet {store.store_id}",
            "time_zone": store.time_zone,
            "devices": [store.store_id],
        }
        for store in plan.all_stores()
    }
    return json.dumps({"iot_hubs": [plan.hub], "stores": stores}, indent=2)
