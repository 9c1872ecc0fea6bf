import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from storeflow.cli.main import COMMANDS, main

HEAVY = ("av", "cv2", "numpy", "onnxruntime", "scipy")
_LOADED = f"""
import sys
from storeflow.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("loaded:", *(name for name in {HEAVY} if name in sys.modules))
"""


@pytest.mark.parametrize(
    "call",
    [
        ["--help"],
        ["twin", "--help"],
        ["manifest", "lint"],
        ["migrate", "--help"],
        ["schemas", "--help"],
    ],
    ids=" ".join,
)
def test_whoever_edits_twins_and_manifests_needs_nothing_that_computes(call: list[str], repository: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", _LOADED, *call], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_every_command_is_in_the_list_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    for name, what in COMMANDS.items():
        assert f"{name} {what}" in told
        assert callable(import_module(f"storeflow.cli.{name}").add)


def test_a_command_says_the_same_of_itself_as_the_list_does(capsys: pytest.CaptureFixture[str]) -> None:
    told = set()
    for call in (["--help"], *(["--help", name] for name in COMMANDS)):
        with pytest.raises(SystemExit):
            main(call)
        told.add(capsys.readouterr().out)
    assert len(told) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_of_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: storeflow {name}" in capsys.readouterr().out


def test_a_command_that_there_is_not_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rnu"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "rnu" in error
    assert all(name in error for name in COMMANDS)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("storeflow 0.")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    assert main(["schemas", "--out", str(in_the_way / "schemas")]) == 2
    assert capsys.readouterr().err == f"storeflow: {in_the_way / 'schemas'}: Not a directory\n"


def without(package: str, *call: str) -> str:
    """What a call prints on standard error where a package is missing."""
    script = f"import sys; sys.modules[{package!r}] = None; from storeflow.cli.main import main; main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", script, *call], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    return done.stderr


def test_a_package_that_is_not_installed_is_named() -> None:
    assert without("jsonschema", "manifest", "lint") == (
        "storeflow: manifest needs jsonschema: pip install 'storeflow[local]' has it\n"
    )


def test_a_mistake_of_ours_is_not_taken_for_a_missing_package() -> None:
    assert "Traceback" in without("storeflow.contract.schema", "schemas", "--help")
