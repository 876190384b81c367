"""Section 7, the sealed body: RFC 8188 (aes128gcm)."""

from . import aes_gcm
from .encoding import u8, u32
from .errors import require
from .hkdf import expand, extract

RECORD_BYTES = 65_536
RECORD_BYTES_MIN = 18
RECORD_BYTES_MAX = 2**20
TAG_BYTES = 16


def _keys(seal_key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """RFC 8188 sections 2.2 and 2.3: the key of the records, and the nonce that their numbers go into."""
    prk = extract(salt, seal_key)
    key = expand(prk, b"Content-Encoding: aes128gcm\x00", 16)
    return key, expand(prk, b"Content-Encoding: nonce\x00", 12)


def _nonce(base: bytes, number: int) -> bytes:
    return (int.from_bytes(base, "big") ^ number).to_bytes(12, "big")


def seal_body(
    seal_key: bytes, salt: bytes, plaintext: bytes, record_bytes: int = RECORD_BYTES, key_id: bytes = b""
) -> bytes:
    """`salt(16) ‖ u32(record size) ‖ u8(0) ‖ records`. impuls leaves the key id empty.

    A record is plaintext, a delimiter (2 in the last record, 1 in the others) and a tag of 16 bytes; all but
    the last are exactly `record_bytes` long.
    """
    require(len(salt) == 16 and RECORD_BYTES_MIN <= record_bytes <= RECORD_BYTES_MAX, "salt or record size")
    key, base = _keys(seal_key, salt)
    room = record_bytes - TAG_BYTES - 1
    body = salt + u32(record_bytes) + u8(len(key_id)) + key_id
    count = max(1, -(-len(plaintext) // room))
    for number in range(count):
        delimiter = b"\x02" if number == count - 1 else b"\x01"
        record = plaintext[number * room:(number + 1) * room] + delimiter
        body += aes_gcm.seal(key, _nonce(base, number), record)
    return body


def open_body(seal_key: bytes, body: bytes) -> bytes:
    """The plaintext, or bad-seal: the header or a record does not hold, or the last record is missing."""
    require(len(body) >= 21, "the header is cut", "bad-seal")
    record_bytes = int.from_bytes(body[16:20], "big")
    require(RECORD_BYTES_MIN <= record_bytes <= RECORD_BYTES_MAX, "record size", "bad-seal")
    start = 21 + body[20]
    require(len(body) > start, "no record", "bad-seal")
    key, base = _keys(seal_key, body[:16])
    plaintext = b""
    for number, offset in enumerate(range(start, len(body), record_bytes)):
        record = aes_gcm.open_sealed(key, _nonce(base, number), body[offset:offset + record_bytes])
        padded = record.rstrip(b"\x00")
        last = offset + record_bytes >= len(body)
        require(padded[-1:] == (b"\x02" if last else b"\x01"), "delimiter", "bad-seal")
        plaintext += padded[:-1]
    return plaintext
