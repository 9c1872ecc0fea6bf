import stat
from pathlib import Path
from urllib.parse import quote

import pytest

from local_azure.edge_hub.authentication import (
    AuthenticationError,
    authenticate,
    load_master_key,
    module_key,
    sign,
)

MASTER = b"master"
NOW = 1_000_000.0
USER = "hub/d/a/?api-version=2019-10-01"


def token(resource: str = "hub/devices/d/modules/a", expiry: int = 1_000_060, key: bytes | None = None) -> str:
    quoted = quote(resource, safe="")
    signature = sign(module_key(MASTER, "a") if key is None else key, f"{quoted}\n{expiry}".encode())
    return f"SharedAccessSignature sr={quoted}&sig={quote(signature, safe='')}&se={expiry}"


def test_a_good_token_says_who_it_is_and_until_when() -> None:
    identity = authenticate(MASTER, "d/a", USER, token(), NOW)
    assert (identity.device_id, identity.module_id, identity.expires_at) == ("d", "a", 1_000_060)


@pytest.mark.parametrize(
    ("client_id", "user", "password", "problem"),
    [
        pytest.param("d/a", None, token(), "user name", id="no user"),
        pytest.param("d/a", "hub/d/a", token(), "user name", id="no version"),
        pytest.param("d", "hub/d/?api-version=1", token(), "serves modules only", id="a device"),
        pytest.param("d/b", USER, token(), "client id", id="another client id"),
        pytest.param("d/a", USER, None, "not SharedAccessSignature", id="no token"),
        pytest.param("d/a", USER, "SharedAccessSignature sr=x", "not SharedAccessSignature", id="half a token"),
        pytest.param("d/a", USER, token().replace("se=1000060", "se=soon"), "cannot be read", id="no expiry"),
        pytest.param("d/a", USER, token(resource="hub/devices/d/modules/b"), "is for hub", id="another's"),
        pytest.param("d/a", USER, token(key=b"stolen"), "another key", id="another key"),
        pytest.param("d/a", USER, token().replace("1000060", "9000000"), "another key", id="prolonged"),
        pytest.param("d/a", USER, token(expiry=999_990), "expired 10 s ago", id="expired"),
    ],
)
def test_a_client_that_cannot_prove_who_it_is_is_refused(
    client_id: str, user: str | None, password: str | None, problem: str
) -> None:
    with pytest.raises(AuthenticationError, match=problem):
        authenticate(MASTER, client_id, user, password, NOW)


def test_the_master_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    key = load_master_key(path)
    assert load_master_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_master_key(tmp_path / "other.key") != key
