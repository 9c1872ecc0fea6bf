import pytest

from tests.conftest import skip_or_fail
from tools.images.container import why_not


@pytest.fixture(scope="session")
def containers() -> None:
    """Containers can be started here."""
    if reason := why_not():
        skip_or_fail(f"no container can be started here: {reason}")
