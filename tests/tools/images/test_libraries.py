import shutil
from importlib.util import find_spec
from pathlib import Path

from tools.images.libraries import OF_THE_BASE_IMAGE, missing, needed


def extension(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


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
