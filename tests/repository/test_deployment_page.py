"""What of docs/deployment.md, "The cloud", can be held to the code without Azure; and the token that it leads to."""

import io
import re
from pathlib import Path

import pytest

from local_azure.event_hubs.authentication import TokenRefusedError, check
from local_azure.event_hubs.config import AuthorizationRule

NAMESPACE, KEY = "sb://my-events.servicebus.windows.net", "the policy's key"


@pytest.fixture(scope="module")
def section(repository: Path) -> str:
    return (repository / "docs" / "deployment.md").read_text().split("\n## The cloud\n")[1].split("\n## ")[0]


def test_the_app_is_given_the_settings_that_it_starts_with_and_no_others(section: str, repository: Path) -> None:
    (given,) = re.findall(r"appsettings set .*?\n```", section, re.DOTALL)
    code = (repository / "cloud_functions" / "function_app.py").read_text()
    named = {*re.findall(r"%(\w+)%", code)} - {"DIRECT_EVENT_HUB_NAME"}
    connection = {f"{name}__fullyQualifiedNamespace" for name in re.findall(r'"connection": "(\w+)"', code)}
    assert {*re.findall(r"\b([A-Z]+_\w+)=", given)} == named | connection | {"LAKE_ACCOUNT_URL"}


def test_a_box_s_token_sends_in_its_own_name_and_in_no_other(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "configuration.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.setattr("sys.argv", ["box_token.py", "my-events", "store-042"])
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    exec(code, {})  # noqa: S102 - the page's own code
    endpoint, _, token = capsys.readouterr().out.strip().partition(";SharedAccessSignature=")
    assert endpoint == f"Endpoint={NAMESPACE}/"
    rules = {"direct-events": [AuthorizationRule(name="boxes", key=KEY, rights=("Send",))]}
    publishers = f"{NAMESPACE}/direct-events/publishers"
    assert check(token, f"{publishers}/store-042", rules, 0.0).rights == {"Send"}
    with pytest.raises(TokenRefusedError):
        check(token, f"{publishers}/store-043", rules, 0.0)
