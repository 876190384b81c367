"""vectors/seal.json"""

from collections.abc import Iterator
from typing import Any

from impuls import aes_gcm
from impuls.hkdf import expand, extract, sha256
from impuls.seal import RECORD_BYTES, open_body, seal_body

from .common import Case, case, fixed, flip

ABOUT = (
    "Section 7, the sealed body (RFC 8188). Of a long plaintext the pattern and the length are given, "
    "and of its body the length and H(body)."
)
KEY = fixed("seal key")
SALT = fixed("seal salt", 16)


def _seal(name: str, plaintext: bytes) -> Case:
    given = {"sealKey": KEY, "salt": SALT, "plaintext": plaintext}
    return case("seal", name, given, lambda: {"body": seal_body(KEY, SALT, plaintext)})


def _seal_long(name: str, length: int) -> Case:
    pattern = fixed("pattern")
    plaintext = (pattern * (length // 32 + 1))[:length]

    def run() -> dict[str, Any]:
        body = seal_body(KEY, SALT, plaintext)
        return {"length": len(body), "sha256": sha256(body)}

    return case("seal-long", name, {"sealKey": KEY, "salt": SALT, "pattern": pattern, "length": length}, run)


def _open(name: str, body: bytes, key: bytes = KEY) -> Case:
    return case("open", name, {"sealKey": key, "body": body}, lambda: {"plaintext": open_body(key, body)})


def _by_hand(record_bytes: int, *records: bytes) -> bytes:
    """A body of records as they stand, delimiter and padding included."""
    prk = extract(SALT, KEY)
    key = expand(prk, b"Content-Encoding: aes128gcm\x00", 16)
    base = int.from_bytes(expand(prk, b"Content-Encoding: nonce\x00", 12), "big")
    body = SALT + record_bytes.to_bytes(4, "big") + b"\x00"
    for number, record in enumerate(records):
        body += aes_gcm.seal(key, (base ^ number).to_bytes(12, "big"), record)
    return body


def _failures(body: bytes) -> Iterator[Case]:
    """`body` has records of 25 bytes, 8 of plaintext in each, 3 records."""
    yield _open("refused: another key", body, fixed("another seal key"))
    yield _open("refused: the first byte of a record is flipped", flip(body, 21))
    yield _open("refused: the last byte of a tag is flipped", flip(body, len(body) - 1))
    yield _open("refused: the salt is flipped", flip(body, 0))
    yield _open("refused: the record size is another", body[:19] + bytes([body[19] + 1]) + body[20:])
    yield _open("refused: the last record is missing", body[:21 + 50])
    yield _open("refused: the last record is cut", body[:-1])
    yield _open("refused: two records have changed places", body[:21] + body[46:71] + body[21:46] + body[71:])
    yield _open("refused: a record follows the last one", body + body[-25:])
    yield _open("refused: the header alone", body[:21])
    yield _open("refused: a header that is cut", body[:20])
    yield _open("refused: nothing", b"")
    yield _open("refused: records of 17 bytes", _by_hand(17, b"\x02"))
    yield _open("refused: records of 2^20 + 1 bytes", _by_hand(2**20 + 1, b"text\x02"))
    yield _open("refused: only zeros in a record", _by_hand(25, bytes(5)))
    yield _open("refused: a record without a byte", _by_hand(25, b""))
    yield _open("refused: the last record has the delimiter of the others", _by_hand(25, b"12345678\x01"))
    two_last = _by_hand(25, b"12345678\x02", b"9\x02")
    yield _open("refused: a record before the last has its delimiter", two_last)
    yield _open("refused: another delimiter", _by_hand(25, b"12345678\x03"))


def cases() -> Iterator[Case]:
    yield _seal("an empty plaintext", b"")
    yield _seal("one byte", b"\x00")
    yield _seal("a plaintext that ends in zeros", b"text\x00\x00\x00")
    yield _seal("a plaintext of 100 bytes", fixed("plaintext", 100))
    room = RECORD_BYTES - 17
    yield _seal_long("exactly one record", room)
    yield _seal_long("one byte more than a record", room + 1)
    yield _seal_long("three records", 2 * room + 1000)

    text = b"I sell single units."
    yield _open("the smallest records", seal_body(KEY, SALT, text, 18))
    yield _open("records of 25 bytes", seal_body(KEY, SALT, text, 25))
    yield _open("a plaintext that fills the last record", seal_body(KEY, SALT, text[:16], 25))
    yield _open("the largest record size", seal_body(KEY, SALT, text, 2**20))
    yield _open("the body of an empty plaintext", seal_body(KEY, SALT, b""))
    yield _open("padding", _by_hand(25, b"1234\x01\x00\x00\x00\x00", b"5\x02\x00"))
    yield _open("a last record of padding only", _by_hand(25, b"12345678\x01", b"\x02\x00\x00"))
    yield from _failures(seal_body(KEY, SALT, text, 25))
