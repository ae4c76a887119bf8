"""Names for addresses that tell nothing to whoever has not the key.

Source: RFC 2104 (HMAC) with SHA-256.
"""

MARK = "hash:"
"""What such a name begins with; no address does."""


def keyed_hash(address: str, key: bytes) -> str:
    """Name an address so that only who has the key can tell whether it is one he knows.

    Args:
        address: As `rfc.address.key` gives it.
        key: At least 16 octets.

    Returns:
        `hash:` and 64 hexadecimal digits: HMAC-SHA256 of the address in UTF-8 (RFC 2104).
    """
    import hashlib  # noqa: PLC0415  `check` starts without them, and most never need them
    import hmac  # noqa: PLC0415  likewise

    told = address.encode("utf-8", "surrogatepass")
    return MARK + hmac.digest(key, told, hashlib.sha256).hex()
