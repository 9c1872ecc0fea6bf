import re
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from tools.images.__main__ import OPTIONAL_LIBRARIES
from tools.images.libraries import OF_THE_BASE_IMAGE, missing, needed


def extension(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def folders(package: str) -> set[Path]:
    """Where an installed package lies; nowhere if it is not for this machine or this Python."""
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return set()
    paths = {Path(str(found.locate_file(file.parts[0]))) for file in found.files or () if file.parts[0] != ".."}
    return {path for path in paths if path.is_dir()}


def test_the_libraries_that_a_file_names_are_read_from_it() -> None:
    assert {"libc.so.6", "libssl.so.3", "libcrypto.so.3"} <= set(needed(extension("_ssl")))


def test_a_file_that_is_no_library_names_none(tmp_path: Path) -> None:
    script = tmp_path / "libc.so"
    script.write_text("/* GNU ld script */ GROUP ( libc.so.6 )")
    assert needed(script) == []


def test_a_library_that_the_base_image_lacks_is_missing_unless_the_root_has_it(tmp_path: Path) -> None:
    shutil.copy(extension("numpy._core._multiarray_umath"), tmp_path / "numpy.so")
    lacking = missing(tmp_path)
    (blas,) = (name for name in lacking if "openblas" in name)
    assert lacking[blas] == {"numpy.so"}
    assert not OF_THE_BASE_IMAGE & lacking.keys()
    beside = tmp_path.parent / "beside"
    beside.mkdir()
    (beside / blas).touch()
    assert blas not in missing(tmp_path, beside)


def test_make_run_needs_no_library_that_a_slim_image_lacks(repository: Path) -> None:
    packages = re.findall(r"^([\w.-]+)==", (repository / "requirements.lock").read_text(), re.MULTILINE)
    installed = set[Path]().union(*map(folders, packages))
    assert any(path.name == "cv2" for path in installed)
    assert missing(*installed).keys() <= OPTIONAL_LIBRARIES
