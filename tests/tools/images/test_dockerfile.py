from pathlib import Path

import pytest

from storeflow.errors import StoreflowError
from tools.images.dockerfile import instructions, read_image

DOCKERFILE = """\
ARG PYTHON_IMAGE=python
FROM ${PYTHON_IMAGE} AS build
USER 0:0
# A comment, \\
FROM ${PYTHON_IMAGE}
ENV A=1 \\
    B="two words"
USER 10001:10001
HEALTHCHECK --interval=30s \\
    CMD ["python", "-c", "one; \\
two"]
ENTRYPOINT ["python", "-m", "modules.x"]
"""


def test_an_image_is_what_its_last_stage_says(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(DOCKERFILE)
    image = read_image(path)
    assert (image.user, image.entrypoint) == ("10001:10001", ("python", "-m", "modules.x"))
    assert image.environment == {"A": "1", "B": "two words"}
    assert image.healthcheck == ("python", "-c", "one; two")


def test_comments_are_no_instructions() -> None:
    assert [name for name, _ in instructions(DOCKERFILE)].count("FROM") == 2


@pytest.mark.parametrize(
    ("line", "other", "told"),
    [
        ("USER 10001:10001\n", "", "no USER: the container would be root's"),
        ('ENTRYPOINT ["python", "-m", "modules.x"]', "ENTRYPOINT python -m modules.x", "would need a shell"),
        ('ENTRYPOINT ["python", "-m", "modules.x"]', "", "ENTRYPOINT '' is no JSON array"),
    ],
)
def test_an_image_that_is_roots_or_needs_a_shell_is_refused(line: str, other: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(DOCKERFILE.replace(line, other))
    with pytest.raises(StoreflowError, match=told):
        read_image(path)
