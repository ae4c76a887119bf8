"""Which certificates a hook trusts, and why a connection did not come about."""

import ssl
from typing import TYPE_CHECKING

from dsnwatch.errors import ConfigError

if TYPE_CHECKING:
    from dsnwatch.config.hook import HookSection
    from dsnwatch.hooks import Secrets


def trusting(section: "HookSection", secrets: "Secrets", key: str) -> ssl.SSLContext:
    """Trust the certificates of `ca_file`, else the system's; TLS 1.2 or later.

    Raises:
        ConfigError: The file holds none.
    """
    file = None if section.ca_file is None else secrets.beside(section.ca_file)
    try:
        context = ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{key}.ca_file: {file} holds no certificates that can be read; give a PEM file"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def why(error: OSError) -> str:
    """Say in a few words why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); set ca_file"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'})"
    return error.strerror or type(error).__name__
