from typing import Any

from tools.images.lock import asked, pinned_substitutes, requirements

PROJECT: dict[str, Any] = {
    "name": "shop",
    "dependencies": ["pydantic>=2"],
    "optional-dependencies": {
        "edge": ["azure-iot-device<3"],
        "inference": ["shop[edge]", "opencv-python>=4.12,<6", "numpy"],
        "dev": ["shop[inference]", "pytest"],
    },
}
LOCK = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:00
opencv-python==5.0.0.93 \\
    --hash=sha256:01
"""


def test_an_extra_asks_for_what_the_extras_in_it_ask_for_and_for_no_other() -> None:
    found = list(requirements(PROJECT, "inference"))
    assert found == ["pydantic>=2", "opencv-python-headless<6,>=4.12", "numpy", "azure-iot-device<3"]
    assert list(requirements(PROJECT, "edge")) == ["pydantic>=2", "azure-iot-device<3"]


def test_a_substitute_has_the_version_of_what_it_stands_for() -> None:
    assert pinned_substitutes(LOCK) == {"opencv-python-headless": "5.0.0.93"}
    assert asked(PROJECT, "inference", LOCK)[-1] == "opencv-python-headless==5.0.0.93"
    assert "opencv-python-headless==5.0.0.93" not in asked(PROJECT, "edge", LOCK)
