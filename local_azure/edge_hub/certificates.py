"""The certificate authority of one stand-in and the server certificate that it signs.

On a device the edge CA of `config.toml` plays this part; modules trust the one PEM that the
workload API's trust bundle (or `EdgeModuleCACertificateFile`) hands them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from trustme import CA


@dataclass(frozen=True)
class Certificates:
    """Three PEM files: the authority, the server's chain, the server's private key."""

    authority: Path
    chain: Path
    key: Path


def make_certificates(folder: Path, *names: str) -> Certificates:
    """Return a new server certificate, as edgeHub gets one at each start, of the folder's authority.

    The authority stays, once it is made: modules that run trust it.

    Args:
        folder: where the PEM files lie.
        names: host names and IP addresses that clients may connect to. The SDK checks the one it was given.
    """
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority = _authority(files.authority, folder / "ca.key")
    server = authority.issue_cert(*names, common_name=names[0])
    _write_private(files.key, server.private_key_pem.bytes())
    files.chain.write_bytes(b"".join(pem.bytes() for pem in (*server.cert_chain_pems, authority.cert_pem)))
    return files


def trust_bundle(certificates: Certificates) -> str:
    """Return the PEM text that modules are to trust."""
    return certificates.authority.read_text()


def _authority(certificate: Path, key: Path) -> CA:
    if certificate.exists() and key.exists():
        return CA.from_pem(certificate.read_bytes(), key.read_bytes())
    made = CA(path_length=0, organization_name="storeflow", organization_unit_name="local edge CA")
    # Killed in between, it leaves no certificate that another key signed.
    certificate.unlink(missing_ok=True)
    _write_private(key, made.private_key_pem.bytes())
    certificate.write_bytes(made.cert_pem.bytes())
    return made


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
