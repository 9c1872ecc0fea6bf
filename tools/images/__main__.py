"""`python -m tools.images [MODULE…]`: build what each image holds, and prove that its module runs in it.

There is no Docker in this: a root is a clean virtual environment, a container is a mount namespace. It takes root's
rights to make one, and Linux. The base image's part is taken by this machine's own system and Python.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from storeflow.errors import StoreflowError
from tools.images import sizes
from tools.images.container import why_not
from tools.images.libraries import missing
from tools.images.lock import MODULES, REPOSITORY
from tools.images.proof import prove
from tools.images.root import build_root, build_tools, build_wheel

TEMPLATE = REPOSITORY / "deployment.template.json"
PAGE = REPOSITORY / "docs" / "deployment.md"
RESULTS = REPOSITORY / "benchmarks" / "results" / "images.json"
OPTIONAL_LIBRARIES = {"libOpenCL.so.1"}
"""OpenVINO's plugin for GPUs asks for it, and is not loaded on a CPU."""
AT_ONCE = 2
"""Roots that are built."""


def build(modules: Iterable[str], folder: Path, told: Callable[[str], None]) -> dict[str, Path]:
    """Build the wheel once, and then the roots of the modules, two at a time: pip waits more than it works.

    Raises:
        StoreflowError: a build failed, or a root asks for a library that its base image lacks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told("the tools that make wheels")
    tools = build_tools(folder / "tools")
    told("the project's wheel")
    wheel = build_wheel(folder, tools)

    def one(module: str) -> Path:
        told(f"{module}: its packages")
        root = folder / module
        build_root(module, root, tools=tools, wheel=wheel)
        if lacking := missing(root).keys() - OPTIONAL_LIBRARIES:
            raise StoreflowError(f"{module}: its base image lacks {', '.join(sorted(lacking))}")
        return root

    wanted = list(modules)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(one, wanted), strict=True))


def main(arguments: list[str] | None = None) -> int:
    """Build and prove; 0 when every promise is kept."""
    parser = argparse.ArgumentParser(prog="python -m tools.images", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all by default")
    parser.add_argument("--write", action="store_true", help=f"put the sizes into {PAGE.name} and {RESULTS.name}")
    options = parser.parse_args(arguments)
    modules = options.modules or list(MODULES)
    if unknown := [module for module in modules if module not in MODULES]:
        parser.error(f"no module {', '.join(unknown)}; there is {', '.join(MODULES)}")
    if options.write and set(modules) != set(MODULES):
        parser.error("--write wants all modules")
    console = Console(stderr=True)
    try:
        if reason := why_not():
            raise StoreflowError(f"no container can be started here: {reason}")  # noqa: TRY301 - one place tells all
        measured = _measured(modules, console)
    except StoreflowError as error:
        console.print(str(error), style="red", highlight=False, markup=False)
        return 1
    print("\n".join(sizes.table(measured)))
    if options.write:
        RESULTS.write_text(sizes.written(measured))
        PAGE.write_text(sizes.write_into(PAGE.read_text(), sizes.table(measured)))
    return 0


def _measured(modules: list[str], console: Console) -> dict[str, Any]:
    template = json.loads(TEMPLATE.read_text())
    with tempfile.TemporaryDirectory(prefix="storeflow-images-") as name, console.status("") as status:
        folder = Path(name)
        roots = build(modules, folder / "roots", status.update)
        proofs = prove(roots, template, folder / "store", status.update)
        for proof in proofs:
            console.print(f"{proof.module} runs: as nobody, without capabilities, read-only", highlight=False)
        found = [sizes.measure(module, installed) for module, installed in roots.items()]
    day = datetime.now(UTC).date().isoformat()
    return sizes.document(found, proofs, machine=_machine(), day=day, python=platform.python_version())


def _machine() -> str:
    return f"{os.cpu_count()} x {platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
