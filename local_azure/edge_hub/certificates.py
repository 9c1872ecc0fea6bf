"""The certificate authority of one stand-in and the server certificate that it signs.

On a device the edge CA of `config.toml` plays this part; modules trust the one PEM that the
workload API's trust bundle (or `EdgeModuleCACertificateFile`) hands them.
"""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID_FOR = dt.timedelta(days=825)
_CA_NAME = "storeflow local edge CA"


@dataclass(frozen=True)
class Certificates:
    """Three PEM files: the authority, the server's chain, the server's private key."""

    authority: Path
    chain: Path
    key: Path


def ensure_certificates(folder: Path, names: list[str], now: dt.datetime) -> Certificates:
    """Return the folder's certificates, making them when one is missing.

    Args:
        folder: where the PEM files lie; created when absent.
        names: host names and IP addresses that clients may connect to. An address becomes an
            IP entry: the SDK checks the host name it was given, and parallel hubs are told
            apart by loopback address.
        now: the present, time-zone aware.
    """
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if files.authority.exists() and files.chain.exists() and files.key.exists():
        return files
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = (
        _builder(_CA_NAME, authority_key, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_KEY_USAGE, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _builder(names[0], server_key, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    _write_private(
        files.key,
        server_key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    files.chain.write_bytes(server.public_bytes(encoding) + authority.public_bytes(encoding))
    # Last: its presence says that the other two are complete.
    files.authority.write_bytes(authority.public_bytes(encoding))
    return files


def trust_bundle(certificates: Certificates) -> str:
    """Return the PEM text that modules are to trust."""
    return certificates.authority.read_text()


_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    common_name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
) -> x509.CertificateBuilder:
    issuer_public = issuer_key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name(_CA_NAME))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
