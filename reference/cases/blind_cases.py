"""vectors/blind.json"""

from collections.abc import Iterator
from typing import Any

from impuls import blind
from impuls.card import card_message, chain_opening, format_opening

from .common import ISSUING_KEY, Case, case, fixed, flip, holds

ABOUT = (
    "Section 4: RSABSSA-SHA384-PSS-Randomized with fixed salt and r. The key was made for these vectors: use "
    "it nowhere else."
)
N_BYTES = bytes.fromhex(ISSUING_KEY["n"])
N = int.from_bytes(N_BYTES, "big")
D = int(ISSUING_KEY["d"], 16)
KEY_ID = blind.issuing_key_id(N_BYTES)
MESSAGE = card_message(format_opening(chain_opening(fixed("blind seed"), 1000)))
RANDOMIZER = fixed("randomizer")


def _number(value: int) -> bytes:
    return value.to_bytes(384, "big")


def issue(message: bytes, randomizer: bytes, label: str) -> dict[str, bytes]:
    """All the values of one issue, by name."""
    salt, r = fixed(label + " salt", 48), int.from_bytes(fixed(label + " r", 384), "big") % N
    prepared = blind.prepare(randomizer, message)
    blinded, inverse = blind.blind(N, prepared, salt, r)
    blind_signature = blind.blind_sign(N, D, blinded)
    return {
        "salt": salt,
        "r": _number(r),
        "prepared": prepared,
        "blinded": blinded,
        "inverse": inverse,
        "blindSignature": blind_signature,
        "signature": blind.finalize(N, prepared, blind_signature, inverse),
    }


def _issue(name: str, message: bytes, randomizer: bytes) -> Case:
    made = issue(message, randomizer, name)
    given = {"message": message, "randomizer": randomizer, "salt": made.pop("salt"), "r": made.pop("r")}
    return case("issue", name, given | {"n": N_BYTES, "d": _number(D)}, lambda: made)


def _sign(name: str, blinded: bytes) -> Case:
    given = {"n": N_BYTES, "d": _number(D), "blinded": blinded}
    return case("sign", name, given, lambda: {"blindSignature": blind.blind_sign(N, D, blinded)})


def _verify(name: str, randomizer: bytes, message: bytes, signature: bytes) -> Case:
    given = {"n": N_BYTES, "randomizer": randomizer, "message": message, "signature": signature}
    return case("verify", name, given, lambda: holds(
        blind.verify(N, blind.prepare(randomizer, message), signature), "bad-signature"
    ))


def _finalize(name: str, blind_signature: bytes, inverse: bytes) -> Case:
    given = {
        "n": N_BYTES,
        "randomizer": RANDOMIZER,
        "message": MESSAGE,
        "blindSignature": blind_signature,
        "inverse": inverse,
    }
    prepared = blind.prepare(RANDOMIZER, MESSAGE)
    return case("finalize", name, given, lambda: {
        "signature": blind.finalize(N, prepared, blind_signature, inverse)
    })


def _key(name: str, n: bytes, key_id: bytes) -> Case:
    def run() -> dict[str, Any]:
        blind.parse_modulus(n)
        return holds(blind.issuing_key_id(n) == key_id, "bad-key")

    return case("key", name, {"n": n, "id": key_id}, run)


def cases() -> Iterator[Case]:
    yield _key("an issuing key and its id", N_BYTES, KEY_ID)
    yield _key("refused: the wrong key id", N_BYTES, flip(KEY_ID, 0))
    for what, n in (
        ("an even n", _number(N - 1)),
        ("an n of 3071 bits", _number(N >> 1 | 1)),
        ("an n with a leading zero byte", b"\x00" + N_BYTES),
        ("an n of 383 bytes", N_BYTES[:383]),
    ):
        yield _key(f"refused: {what}", n, blind.issuing_key_id(n))

    yield _issue("a card", MESSAGE, RANDOMIZER)
    yield _issue("a message of zeros and a randomizer of zeros", bytes(32), bytes(32))

    made = issue(MESSAGE, RANDOMIZER, "a card")
    signature = made["signature"]
    yield _sign("the lowest number that is signed", _number(2))
    yield _sign("the highest number that is signed", _number(N - 2))
    for what, number in (("0", 0), ("1", 1), ("n - 1", N - 1), ("n", N), ("n + 2", N + 2)):
        yield _sign(f"refused: {what} as the blinded message", _number(number))
    yield _sign("refused: a blinded message of 383 bytes", made["blinded"][:383])
    yield _sign("refused: a blinded message of 385 bytes", b"\x00" + made["blinded"])

    yield _verify("the signature holds", RANDOMIZER, MESSAGE, signature)
    yield _verify("refused: a flipped byte of the signature", RANDOMIZER, MESSAGE, flip(signature, 383))
    yield _verify("refused: another message", RANDOMIZER, flip(MESSAGE, 0), signature)
    yield _verify("refused: another randomizer", flip(RANDOMIZER, 0), MESSAGE, signature)
    yield _verify("refused: the blind signature itself", RANDOMIZER, MESSAGE, made["blindSignature"])
    yield _verify("refused: a signature that is cut", RANDOMIZER, MESSAGE, signature[:383])
    yield _verify("refused: n as the signature", RANDOMIZER, MESSAGE, N_BYTES)
    yield _verify("refused: 0 as the signature", RANDOMIZER, MESSAGE, bytes(384))

    blind_signature, inverse = made["blindSignature"], made["inverse"]
    yield _finalize("a blind signature", blind_signature, inverse)
    yield _finalize("refused: a flipped byte of the blind signature", flip(blind_signature, 9), inverse)
    yield _finalize("refused: the inverse of another card", blind_signature, flip(inverse, 383))
    yield _finalize("refused: a blind signature of 383 bytes", blind_signature[:383], inverse)
