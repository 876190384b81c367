"""Section 4: RSABSSA-SHA384-PSS-Randomized (RFC 9474). Not constant time: for vectors only."""

import hashlib
import math

from .errors import require
from .hkdf import equal, sha256

EXPONENT = 65537
MODULUS_BITS = 3072
RANDOMIZER_BYTES = 32
SALT_BYTES = 48
_HASH_BYTES = 48


def parse_modulus(n: bytes) -> int:
    """Section 2: odd and exactly 3072 bits long."""
    value = int.from_bytes(n, "big")
    require(len(n) == MODULUS_BITS // 8 and value.bit_length() == MODULUS_BITS, "not 3072 bits", "bad-key")
    require(value % 2 == 1, "even", "bad-key")
    return value


def issuing_key_id(n: bytes) -> bytes:
    """Section 2, 16 bytes."""
    return sha256(b"impuls/1 issuing key" + n)[:16]


def prepare(randomizer: bytes, message: bytes) -> bytes:
    """RFC 9474 section 4.1, PrepareRandomize."""
    require(len(randomizer) == RANDOMIZER_BYTES, "a randomizer has 32 bytes")
    return randomizer + message


def _mgf1(seed: bytes, length: int) -> bytes:
    """RFC 8017 appendix B.2.1."""
    count = -(-length // _HASH_BYTES)
    blocks = (hashlib.sha384(seed + counter.to_bytes(4, "big")).digest() for counter in range(count))
    return b"".join(blocks)[:length]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def pss_encode(message: bytes, bits: int, salt: bytes) -> bytes:
    """RFC 8017 section 9.1.1, EMSA-PSS-ENCODE to `bits` bits."""
    length = -(-bits // 8)
    digest = hashlib.sha384(bytes(8) + hashlib.sha384(message).digest() + salt).digest()
    block = bytes(length - len(salt) - _HASH_BYTES - 2) + b"\x01" + salt
    masked = bytearray(_xor(block, _mgf1(digest, len(block))))
    masked[0] &= 0xFF >> (8 * length - bits)
    return bytes(masked) + digest + b"\xbc"


def pss_verify(message: bytes, encoded: bytes, bits: int, salt_bytes: int) -> bool:
    """RFC 8017 section 9.1.2, EMSA-PSS-VERIFY: takes the salt out, encodes again and compares."""
    masked, digest = encoded[:-_HASH_BYTES - 1], encoded[-_HASH_BYTES - 1:-1]
    block = bytearray(_xor(masked, _mgf1(digest, len(masked))))
    block[0] &= 0xFF >> (8 * len(encoded) - bits)
    salt = bytes(block[len(block) - salt_bytes:])
    return equal(pss_encode(message, bits, salt), encoded)


def blind(n: int, prepared: bytes, salt: bytes, r: int, e: int = EXPONENT) -> tuple[bytes, bytes]:
    """RFC 9474 section 4.2: the blinded message and the inverse of r, each as long as n."""
    require(1 <= r < n and math.gcd(r, n) == 1, "r has no inverse", "bad-key")
    length = -(-n.bit_length() // 8)
    message = int.from_bytes(pss_encode(prepared, n.bit_length() - 1, salt), "big")
    require(math.gcd(message, n) == 1, "the message has no inverse", "bad-key")
    return (message * pow(r, e, n) % n).to_bytes(length, "big"), pow(r, -1, n).to_bytes(length, "big")


def blind_sign(n: int, d: int, blinded: bytes, e: int = EXPONENT) -> bytes:
    """RFC 9474 section 4.3. A blinded message of 0, 1, n - 1 or more is refused."""
    value = int.from_bytes(blinded, "big")
    require(len(blinded) == -(-n.bit_length() // 8), "a blinded message is as long as n")
    require(1 < value < n - 1, "a blinded message is above 1 and below n - 1")
    signature = pow(value, d, n)
    require(pow(signature, e, n) == value, "the key is broken", "bad-key")
    return signature.to_bytes(len(blinded), "big")


def verify(
    n: int, prepared: bytes, signature: bytes, e: int = EXPONENT, salt_bytes: int = SALT_BYTES
) -> bool:
    """RFC 8017 section 8.1.2, RSASSA-PSS-VERIFY."""
    length, value = -(-n.bit_length() // 8), int.from_bytes(signature, "big")
    if len(signature) != length or value >= n:
        return False
    bits = n.bit_length() - 1
    opened = pow(value, e, n)
    return opened.bit_length() <= bits and pss_verify(
        prepared, opened.to_bytes(-(-bits // 8), "big"), bits, salt_bytes
    )


def finalize(
    n: int,
    prepared: bytes,
    blind_signature: bytes,
    inverse: bytes,
    e: int = EXPONENT,
    salt_bytes: int = SALT_BYTES,
) -> bytes:
    """RFC 9474 section 4.4: the signature of the prepared message, or bad-signature."""
    require(len(blind_signature) == -(-n.bit_length() // 8), "as long as n", "bad-signature")
    value = int.from_bytes(blind_signature, "big") * int.from_bytes(inverse, "big") % n
    signature = value.to_bytes(len(blind_signature), "big")
    require(verify(n, prepared, signature, e, salt_bytes), "does not hold", "bad-signature")
    return signature
