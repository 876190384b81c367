"""Section 1: SHA-256, HMAC-SHA-256 and HKDF (RFC 5869)."""

import hashlib
import hmac

from .errors import require


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def mac(key: bytes, label: bytes, content: bytes) -> bytes:
    """The first 16 bytes of HMAC(key, label ‖ content): every tag and MAC of impuls."""
    return hmac_sha256(key, label + content)[:16]


def equal(left: bytes, right: bytes) -> bool:
    """Compares secrets in constant time."""
    return hmac.compare_digest(left, right)


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac_sha256(salt, ikm)


def expand(key: bytes, info: bytes | str, length: int) -> bytes:
    """HKDF-Expand; impuls asks for at most 32 bytes, which is one block: HMAC(key, info ‖ 0x01)."""
    label = info.encode("ascii") if isinstance(info, str) else info
    require(1 <= length <= 255 * 32, "length out of range")
    output, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac_sha256(key, block + label + bytes([counter]))
        output += block
    return output[:length]
