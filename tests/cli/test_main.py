import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from storeflow.cli.main import COMMANDS, main

SOURCE = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
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
    [["--help"], ["manifest", "lint"]],
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
    for name, command in COMMANDS.items():
        assert f"{name} {command.what}" in told
        assert callable(import_module(f"storeflow.cli.{command.module}").add)


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


@pytest.mark.parametrize("module", ["storeflow", "storeflow.cli.main"])
def test_python_runs_the_command_line_as_a_module(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "rnu"], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 2
    assert "usage: storeflow" in done.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    assert main(["schemas", "--out", str(in_the_way / "schemas")]) == 2
    told = f"storeflow: --out {in_the_way / 'schemas'}: a file is in its place; name a folder\n"
    assert capsys.readouterr().err == told


def test_a_file_that_the_disk_refuses_is_named_though_the_system_does_not(tmp_path: Path) -> None:
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    call = f"{limited}; from storeflow.cli.main import main; sys.exit(main(['schemas', '--out', {str(tmp_path)!r}]))"
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert (done.returncode, done.stderr.rpartition(": ")[2]) == (2, "File too large\n")
    assert done.stderr.startswith(f"storeflow: {tmp_path}/")


def test_the_demo_of_an_installed_package_asks_for_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("storeflow.cli.demo.command.TEMPLATE", tmp_path / "deployment.template.json")
    assert main(["demo", "--out", str(tmp_path / "run")]) == 2
    assert "demo needs a checkout of storeflow: deployment.template.json" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


NUMPYS_PAGE = ImportError("IMPORTANT: PLEASE READ THIS\nfor advice on how to solve this issue!")
NUMPYS_PAGE.__cause__ = ImportError("libopenblas.so: not found")
NO_LIBRARY = ImportError("libGL.so.1: cannot open shared object file", name="cv2")
NOT_THERE = ModuleNotFoundError("No module named 'rich'", name="rich")
ANEW = "in a new environment, pip install -e '.[local]'"


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        ("manifest", NOT_THERE, "needs rich, which is not installed: pip install -e '.[admin]'"),
        ("run", NOT_THERE, "needs rich, which is not installed: pip install -e '.[local]'"),
        ("demo", NO_LIBRARY, f"can't load cv2 (libGL.so.1: cannot open shared object file): {ANEW}"),
        ("evaluate", NUMPYS_PAGE, f"can't load a package that is installed (libopenblas.so: not found): {ANEW}"),
    ],
)
def test_a_package_that_cannot_be_imported_is_named_and_how_to_come_by_it(
    call: str, error: ImportError, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("storeflow.cli.main.import_module", raising(error))
    assert main([call]) == 2
    assert capsys.readouterr().err == f"storeflow: {call} {told} in a checkout of storeflow\n"


@pytest.mark.parametrize("name", ["storeflow.contract.schema", "tools"])
def test_a_mistake_of_ours_is_not_taken_for_a_missing_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storeflow.cli.main.import_module", raising(ModuleNotFoundError(name=name)))
    with pytest.raises(ModuleNotFoundError):
        main(["schemas"])


def raising(error: Exception) -> Callable[[str], None]:
    def raise_it(_name: str) -> None:
        raise error

    return raise_it


def test_hardly_anything_is_imported_before_a_ctrl_c_is_taken_as_one() -> None:
    heavy = "('importlib.metadata', 'pathlib', 'rich')"
    told = f"import sys, storeflow.cli.main; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", told], capture_output=True, text=True, check=True, env=SOURCE)  # noqa: S603 - our own command
    assert done.stdout == "\n"


def test_a_ctrl_c_while_a_command_is_imported_ends_it_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("storeflow.cli.main.import_module", interrupted)
    assert main(["run"]) == 130
    assert capsys.readouterr().err == "storeflow: stopped\n"
