"""A certificate for loopback that nobody else trusts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Certificate:
    """Where certificate and key lie, both in PEM; `both` is one after the other."""

    certificate: Path
    key: Path
    both: Path


def a_certificate(folder: Path, *names: str, key: Key | None = None) -> Certificate:
    """Make a self-signed certificate.

    Args:
        folder: Where to put it.
        names: Host names beside 127.0.0.1.
        key: To use; None makes one.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0] if names else "loopback")])
    now = datetime.now(UTC)
    alternatives: list[x509.GeneralName] = [x509.IPAddress(ip_address("127.0.0.1"))]
    alternatives += [x509.DNSName(each) for each in names]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    found = Certificate(folder / "cert.pem", folder / "key.pem", folder / "both.pem")
    for path, data in ((found.certificate, pem), (found.key, secret), (found.both, secret + pem)):
        path.write_bytes(data)
        path.chmod(0o600)
    return found
