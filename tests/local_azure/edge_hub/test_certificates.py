import ssl
from pathlib import Path

import pytest

from local_azure.edge_hub.certificates import Certificates, make_certificates


def reach(name: str, server: Certificates, authority: str) -> None:
    """A TLS handshake in memory, as strict as Python 3.13 is on its own."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(server.chain, server.key)
    trusting = ssl.create_default_context(cadata=authority)
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    answering = serving.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, answering]
    while waiting:
        for side in tuple(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)


@pytest.mark.parametrize("name", ["127.0.0.9", "localhost"])
def test_a_client_that_trusts_the_authority_reaches_the_server_by_each_of_its_names(name: str, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, "127.0.0.9", "localhost")
    reach(name, certificates, certificates.authority.read_text())
    with pytest.raises(ssl.SSLCertVerificationError, match="10"):
        reach("127.0.0.10", certificates, certificates.authority.read_text())


def test_a_hub_that_comes_back_at_another_address_is_trusted_there_by_those_who_knew_it(tmp_path: Path) -> None:
    trusted = make_certificates(tmp_path, "127.0.0.9").authority.read_text()
    reach("127.0.0.10", make_certificates(tmp_path, "127.0.0.10"), trusted)


def test_an_authority_without_its_key_is_made_anew(tmp_path: Path) -> None:
    before = make_certificates(tmp_path, "127.0.0.9").authority.read_text()
    (tmp_path / "ca.key").unlink()
    certificates = make_certificates(tmp_path, "127.0.0.9")
    assert certificates.authority.read_text() != before
    reach("127.0.0.9", certificates, certificates.authority.read_text())


def test_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    make_certificates(tmp_path, "127.0.0.9")
    assert {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("*.key")} == {"ca.key": 0, "server.key": 0}
