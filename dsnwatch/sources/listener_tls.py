"""A certificate that is read again when it has been renewed."""

import logging
import ssl
from pathlib import Path

from dsnwatch.errors import ConfigError

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """A certificate with its key, always as they lie on disk.

    Args:
        certificate: PEM file with the chain.
        key: PEM file with the key; None where it is in the same file.

    Raises:
        ConfigError: They cannot be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self._files = (certificate,) if key is None else (certificate, key)
        try:
            self._stamp = self._look()
            self._context = self._load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"listener.tls_certificate_file: {' and '.join(map(str, self._files))} cannot be "
                f"used ({_why(error)}); see that both are PEM, belong together and may be read"
            ) from error

    def context(self) -> ssl.SSLContext:
        """Give what to speak TLS with; the old certificate where a new one is not whole yet."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._context = self._load()
                self._stamp = stamp
                log_renewed(self._certificate)
        except (OSError, ssl.SSLError) as error:
            log_not_renewed(self._certificate, _why(error))
        return self._context

    def _look(self) -> Stamp:
        """Tell the files from later ones."""
        found = [path.stat() for path in self._files]
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in found)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A password would be asked for on a terminal that a service does not have.
        context.load_cert_chain(self._certificate, self._key, password="")
        return context


def _why(error: OSError | ssl.SSLError) -> str:
    return error.strerror or str(error) or type(error).__name__


def log_renewed(path: Path) -> None:
    """Say that a new certificate is in use."""
    log.info("certificate %s has changed and is in use", path)


def log_not_renewed(path: Path, why: str) -> None:
    """Say that a new certificate cannot be used."""
    log.warning("certificate %s has changed and cannot be used (%s); the old one stays", path, why)
