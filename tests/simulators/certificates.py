"""Certificates as the upstreams have them: PVE's CA without a key usage, PBS's self-signed one, an ordinary CA."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LOOPBACK: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
)


#: How long they are valid.
VALID = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files. ``ca`` is what a client trusts; None where it pins the fingerprint."""

    certificate: Path
    key: Path
    ca: Path | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_certificates(directory: Path, *, now: datetime | None = None) -> dict[str, Pair]:
    """One pair per upstream. Valid from a day before ``now``: the clock of TLS, which is not the homelab's."""
    start = (now or datetime.now(UTC)) - timedelta(days=1)
    # pve-cluster makes its CA without keyUsage; Python 3.13's strict flag refuses that (PVE-18).
    cluster = _authority("Proxmox Virtual Environment", start, key_usage=False)
    ordinary = _authority("Homelab CA", start, key_usage=True)
    return {
        "pbs": _self_signed(directory, start),
        "pve": _leaf(directory, "pve", cluster, start),
        "databasement": _leaf(directory, "databasement", ordinary, start),
        "backrest": _leaf(directory, "backrest", ordinary, start),
    }


def _authority(name: str, start: datetime, *, key_usage: bool) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), _name(name), key, start)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    )
    if key_usage:
        builder = builder.add_extension(_signs_certificates(), critical=True)
    return _Authority(builder.sign(key, hashes.SHA256()), key)


def _leaf(directory: Path, source: str, issuer: _Authority, start: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(f"{source}.lan"), issuer.certificate.subject, key, start)
    builder = _for_server(builder, key, issuer.key, (x509.DNSName(f"{source}.lan"), *_LOOPBACK))
    ca = directory / f"{source}-ca.pem"
    ca.write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    return _write(directory, source, builder.sign(issuer.key, hashes.SHA256()), key, ca)


def _self_signed(directory: Path, start: datetime) -> Pair:
    """PBS names itself, never the address that is dialled: only its fingerprint can be trusted (PBS-3)."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name("pbs.lan"), _name("pbs.lan"), key, start)
    builder = _for_server(builder, key, key, (x509.DNSName("pbs"), x509.DNSName("pbs.lan")))
    return _write(directory, "pbs", builder.sign(key, hashes.SHA256()), key, None)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + VALID)
    )


def _for_server(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer: ec.EllipticCurvePrivateKey,
    names: tuple[x509.GeneralName, ...],
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write(
    directory: Path, source: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, ca: Path | None
) -> Pair:
    certificate_file, key_file = directory / f"{source}.pem", directory / f"{source}.key"
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key_file.chmod(0o600)
    digest = certificate.fingerprint(hashes.SHA256())
    return Pair(certificate_file, key_file, ca, ":".join(f"{byte:02x}" for byte in digest))
