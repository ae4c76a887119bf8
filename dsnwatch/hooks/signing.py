"""How a body is signed, so that a receiver knows who wrote it and when.

Source: Standard Webhooks 1.0 (https://www.standardwebhooks.com); Twilio SendGrid documentation,
"Event webhook security features", as of 2026-11.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

from dsnwatch.errors import ConfigError, installing

if TYPE_CHECKING:
    from dsnwatch.config.hook import HookSection
    from dsnwatch.hooks import Secrets

Sign = Callable[[str, datetime, bytes], Sequence[tuple[str, str]]]
"""Makes the headers that sign a body: of the id it is told under, the moment in UTC, the body."""

AT_LEAST, AT_MOST = 24, 64
"""Octets of a secret of Standard Webhooks."""


def signer(section: "HookSection", secrets: "Secrets", key: str) -> Sign | None:
    """Make what signs the bodies of a hook; None where it has no secret.

    Raises:
        ConfigError: The secret cannot be read, or is none; it is not repeated.
    """
    if section.secret_file is None:
        return None
    text = secrets.secret(section.secret_file, f"{key}.secret_file")
    make = _sendgrid if section.format == "sendgrid" else _standard
    try:
        return make(text)
    except (ValueError, TypeError, binascii.Error) as error:
        raise ConfigError(f"{key}.secret_file: {_HINTS[make]}") from error


def _standard(text: str) -> Sign:
    """Sign with each of the secrets, so that while they change a receiver may know either."""
    hooks = [Webhook(_checked(line)) for line in text.split()]

    def sign(id_: str, at: datetime, body: bytes) -> Sequence[tuple[str, str]]:
        # Theirs relabels any time as UTC (standardwebhooks 1.1.0), so it has to be UTC.
        signatures = " ".join(each.sign(id_, at, body.decode()) for each in hooks)
        return (("webhook-signature", signatures),)

    return sign


def _checked(line: str) -> str:
    octets = base64.b64decode(line.removeprefix("whsec_"), validate=True)
    if not AT_LEAST <= len(octets) <= AT_MOST:
        raise ValueError("too short or too long")
    return line


def _sendgrid(text: str) -> Sign:
    """Sign as SendGrid does: ECDSA over P-256 and SHA-256, of the time and the body."""
    try:
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  see the error
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
        )
    except ImportError as error:
        raise ConfigError(
            f"signing as SendGrid does needs the package cryptography: {installing('sendgrid')}"
        ) from error
    private = load_pem_private_key(text.encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise ValueError("another kind of key")

    def sign(id_: str, at: datetime, body: bytes) -> Sequence[tuple[str, str]]:  # noqa: ARG001  the signature of all
        timestamp = str(int(at.timestamp()))
        signature = private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return (
            ("X-Twilio-Email-Event-Webhook-Signature", base64.b64encode(signature).decode()),
            ("X-Twilio-Email-Event-Webhook-Timestamp", timestamp),
        )

    return sign


_HINTS = {
    _standard: f"a line of it is no secret of {AT_LEAST} to {AT_MOST} octets; make one with: "
    'echo "whsec_$(openssl rand -base64 32)"',
    _sendgrid: "is no private key to sign with; make one with: "
    "openssl ecparam -name prime256v1 -genkey -noout",
}
