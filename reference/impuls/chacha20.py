"""ChaCha20, Poly1305 and their AEAD (RFC 8439). Not constant time: for vectors only."""

import struct

from .errors import require
from .hkdf import equal

_CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
_QUARTER_ROUNDS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),   # columns
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),   # diagonals
)


def _rotate(value: int, count: int) -> int:
    return ((value << count) | (value >> (32 - count))) & 0xFFFFFFFF


def block(key: bytes, counter: int, nonce: bytes) -> bytes:
    """The block function, section 2.3: 32-byte key, 12-byte nonce, 64 bytes out."""
    require(len(key) == 32 and len(nonce) == 12, "ChaCha20 takes a 32-byte key and a 12-byte nonce")
    initial = [*_CONSTANTS, *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    x = list(initial)
    for _ in range(10):
        for a, b, c, d in _QUARTER_ROUNDS:
            x[a] = (x[a] + x[b]) & 0xFFFFFFFF
            x[d] = _rotate(x[d] ^ x[a], 16)
            x[c] = (x[c] + x[d]) & 0xFFFFFFFF
            x[b] = _rotate(x[b] ^ x[c], 12)
            x[a] = (x[a] + x[b]) & 0xFFFFFFFF
            x[d] = _rotate(x[d] ^ x[a], 8)
            x[c] = (x[c] + x[d]) & 0xFFFFFFFF
            x[b] = _rotate(x[b] ^ x[c], 7)
    return struct.pack("<16I", *((word + start) & 0xFFFFFFFF for word, start in zip(x, initial)))


def encrypt(key: bytes, counter: int, nonce: bytes, data: bytes) -> bytes:
    """Section 2.4. Decryption is the same."""
    output = bytearray()
    for offset in range(0, len(data), 64):
        stream = block(key, counter + offset // 64, nonce)
        output += bytes(byte ^ mask for byte, mask in zip(data[offset:offset + 64], stream))
    return bytes(output)


def poly1305(key: bytes, message: bytes) -> bytes:
    """Section 2.5: 32-byte one-time key, 16-byte tag."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    s = int.from_bytes(key[16:], "little")
    accumulator = 0
    for offset in range(0, len(message), 16):
        number = int.from_bytes(message[offset:offset + 16] + b"\x01", "little")
        accumulator = (accumulator + number) * r % (2**130 - 5)
    return ((accumulator + s) % 2**128).to_bytes(16, "little")


def _tag(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 16)

    lengths = struct.pack("<QQ", len(aad), len(ciphertext))
    return poly1305(block(key, 0, nonce)[:32], padded(aad) + padded(ciphertext) + lengths)


def aead_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Section 2.8: ciphertext, then the tag of 16 bytes."""
    ciphertext = encrypt(key, 1, nonce, plaintext)
    return ciphertext + _tag(key, nonce, ciphertext, aad)


def aead_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    ciphertext, tag = sealed[:-16], sealed[-16:]
    require(len(sealed) >= 16 and equal(tag, _tag(key, nonce, ciphertext, aad)), "tag differs", "bad-seal")
    return encrypt(key, 1, nonce, ciphertext)
