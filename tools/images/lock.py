"""`python -m tools.images.lock` (`make lock`): every version and hash that is installed anywhere.

`requirements.lock` has what `make run` needs and `requirements-dev.lock` what `make test` needs beside it, in the same
versions. Each `modules/<module>/requirements.lock` has the part of the first that the module's extra asks for, that of
`cloud_functions` the function app's, and `build.lock` has what makes wheels. They are whole: they are installed with
`--no-deps`.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = "pyproject.toml"
LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
BUILD_LOCK = "tools/images/build.lock"
MODULES = ("upstream_router", "zone_analytics", "inference", "video_capture")
SHIPPED = {f"modules/{module}/{LOCK}": module.replace("_", "-") for module in MODULES} | {
    f"cloud_functions/{LOCK}": "cloud-functions"
}
"""The locks of what is shipped, and the extra that each is of."""

BUILDS_PYAV = "cython>=3.1,<4"
"""Beside setuptools, what PyAV's own pyproject.toml asks for: video_capture's image compiles it."""

_COMPILE = (sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11")
_WITH = ("--generate-hashes", "--no-header")


def lock_extra(extra: str, target: str, *options: str) -> None:
    """Resolve an extra of this project with uv, for every Python and platform, with hashes.

    Raises:
        subprocess.CalledProcessError: uv found no answer; it has said why.
    """
    _uv(PROJECT, "--extra", extra, *_WITH, "--output-file", target, *options)


def lock_build_tools() -> None:
    """Resolve what compiles the images' wheels.

    Raises:
        subprocess.CalledProcessError: uv found no answer; it has said why.
    """
    wanted = tomllib.loads((REPOSITORY / PROJECT).read_text())["build-system"]["requires"]
    _uv("-", *_WITH, "--no-annotate", "--output-file", BUILD_LOCK, read="\n".join([*wanted, BUILDS_PYAV]))


def main() -> None:
    """Write all of them."""
    lock_extra("local", LOCK)
    lock_extra("dev", DEV_LOCK, "--constraint", LOCK)
    for target, extra in SHIPPED.items():
        lock_extra(extra, target, "--constraint", LOCK, "--no-annotate")
    lock_build_tools()


def _uv(*arguments: str, read: str = "") -> None:
    # In the project's folder: uv takes what is left out from the pyproject.toml there.
    subprocess.run(  # noqa: S603 - our own words, no shell
        [*_COMPILE, *arguments], cwd=REPOSITORY, input=read, text=True, check=True, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    main()
