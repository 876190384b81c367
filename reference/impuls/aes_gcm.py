"""AES-128 (FIPS 197) and GCM (SP 800-38D) with 12-byte nonces and 16-byte tags. Slow: for vectors only."""

from collections.abc import Callable

from .errors import require
from .hkdf import equal


def _double(byte: int) -> int:
    """Times x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    return (byte << 1) ^ (0x11B if byte & 0x80 else 0)


def _s_box() -> list[int]:
    """FIPS 197 section 5.1.1: the inverse in GF(2^8), then the affine map."""
    box, p, q = [0x63] * 256, 1, 1
    while True:
        p ^= _double(p)                      # p runs through the powers of 3,
        for shift in (1, 2, 4):              # q through those of its inverse
            q ^= q << shift & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        rotated = [(q << count | q >> (8 - count)) & 0xFF for count in range(5)]
        box[p] = rotated[0] ^ rotated[1] ^ rotated[2] ^ rotated[3] ^ rotated[4] ^ 0x63
        if p == 1:
            return box


_S_BOX = _s_box()
_DOUBLED = [_double(byte) for byte in range(256)]
_SHIFT_ROWS = [(column + row) % 4 * 4 + row for column in range(4) for row in range(4)]


def _expand_key(key: bytes) -> list[bytes]:
    """FIPS 197 section 5.2: eleven round keys of 16 bytes."""
    require(len(key) == 16, "AES-128 takes a 16-byte key")
    words = [key[index:index + 4] for index in range(0, 16, 4)]
    constant = 1
    for index in range(4, 44):
        word = words[-1]
        if index % 4 == 0:
            word = bytes(_S_BOX[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        words.append(bytes(a ^ b for a, b in zip(words[index - 4], word)))
    return [b"".join(words[index:index + 4]) for index in range(0, 44, 4)]


def _encryptor(key: bytes) -> Callable[[bytes], bytes]:
    round_keys = _expand_key(key)

    def encrypt_block(data: bytes) -> bytes:
        state = [a ^ b for a, b in zip(data, round_keys[0])]
        for number, round_key in enumerate(round_keys[1:], 1):
            state = [_S_BOX[state[source]] for source in _SHIFT_ROWS]
            if number < 10:
                mixed: list[int] = []
                for column in range(0, 16, 4):
                    a, b, c, d = state[column:column + 4]
                    mixed += [
                        _DOUBLED[a] ^ _DOUBLED[b] ^ b ^ c ^ d,
                        a ^ _DOUBLED[b] ^ _DOUBLED[c] ^ c ^ d,
                        a ^ b ^ _DOUBLED[c] ^ _DOUBLED[d] ^ d,
                        _DOUBLED[a] ^ a ^ b ^ c ^ _DOUBLED[d],
                    ]
                state = mixed
            state = [a ^ b for a, b in zip(state, round_key)]
        return bytes(state)

    return encrypt_block


def encrypt_block(key: bytes, data: bytes) -> bytes:
    """One block, 16 bytes in and out."""
    return _encryptor(key)(data)


def _multiply(x: int, y: int) -> int:
    """SP 800-38D section 6.3: the product in GF(2^128), the first bit being the most significant."""
    product = 0
    for position in range(127, -1, -1):
        if x >> position & 1:
            product ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return product


def _ghash(subkey: int, aad: bytes, ciphertext: bytes) -> int:
    powers = [_multiply(1 << position, subkey) for position in range(128)]
    lengths = (len(aad) * 8).to_bytes(8, "big") + (len(ciphertext) * 8).to_bytes(8, "big")
    data = aad + bytes(-len(aad) % 16) + ciphertext + bytes(-len(ciphertext) % 16) + lengths
    total = 0
    for offset in range(0, len(data), 16):
        total ^= int.from_bytes(data[offset:offset + 16], "big")
        product = 0
        while total:
            lowest = total & -total
            product ^= powers[lowest.bit_length() - 1]
            total ^= lowest
        total = product
    return total


def _crypt(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """Counter mode from counter 2; counter 1 masks the tag."""
    encrypt = _encryptor(key)
    output = bytearray()
    for offset in range(0, len(data), 16):
        mask = encrypt(nonce + (2 + offset // 16).to_bytes(4, "big"))
        output += bytes(a ^ b for a, b in zip(data[offset:offset + 16], mask))
    return bytes(output)


def _tag(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    require(len(nonce) == 12, "GCM takes a 12-byte nonce")
    encrypt = _encryptor(key)
    subkey = int.from_bytes(encrypt(bytes(16)), "big")
    mask = int.from_bytes(encrypt(nonce + (1).to_bytes(4, "big")), "big")
    return (_ghash(subkey, aad, ciphertext) ^ mask).to_bytes(16, "big")


def seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """Ciphertext, then the tag of 16 bytes."""
    ciphertext = _crypt(key, nonce, plaintext)
    return ciphertext + _tag(key, nonce, ciphertext, aad)


def open_sealed(key: bytes, nonce: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
    """The plaintext, or bad-seal."""
    ciphertext, tag = sealed[:-16], sealed[-16:]
    require(len(sealed) >= 16 and equal(tag, _tag(key, nonce, ciphertext, aad)), "tag differs", "bad-seal")
    return _crypt(key, nonce, ciphertext)
