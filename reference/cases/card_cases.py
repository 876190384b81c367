"""vectors/card.json"""

from collections.abc import Iterator
from typing import Any

from impuls import card
from impuls.card import CHAIN

from .common import Case, case, fixed

ABOUT = "Section 3: the keys, the opening, the message m and the id that follow from a seed."
GENERATORS = {"chacha20": 1, "hmac-drbg": 2}


def _common(seed: bytes, opening: bytes) -> dict[str, Any]:
    keys = card.derive_master(seed)
    message = card.card_message(opening)
    return {
        "master": keys.master,
        "auth": keys.auth,
        "pay": keys.pay,
        "state": keys.state,
        "opening": opening,
        "message": message,
        "id": card.card_id(message),
    }


def _derive_chain(seed: bytes, units: int) -> dict[str, Any]:
    salt, links = card.derive_chain(seed, units)
    opening = card.format_opening(card.chain_opening(seed, units))
    return {"salt": salt, "last": links[-1], "anchor": links[0]} | _common(seed, opening)


def _derive_stream(seed: bytes, generator: int) -> dict[str, Any]:
    g0, nonce = card.derive_stream(seed, generator)
    opening = card.format_opening(card.stream_opening(seed, generator))
    return {"g0": g0, "nonce": nonce} | _common(seed, opening)


def _parse(data: bytes) -> dict[str, Any]:
    opening = card.parse_opening(data)
    if opening.protocol == CHAIN:
        return {"protocol": "chain", "salt": opening.salt, "anchor": opening.anchor, "master": opening.master}
    generator = "chacha20" if opening.generator == 1 else "hmac-drbg"
    return {
        "protocol": "stream",
        "generator": generator,
        "nonce": opening.nonce,
        "g0": opening.g0,
        "master": opening.master,
    }


def _chain(name: str, seed: bytes, units: int) -> Case:
    given = {"seed": seed, "protocol": "chain", "units": units}
    return case("derive", name, given, lambda: _derive_chain(seed, units))


def _opening(name: str, data: bytes) -> Case:
    return case("parse-opening", name, {"opening": data}, lambda: _parse(data))


def cases() -> Iterator[Case]:
    seed = fixed("card seed")
    yield _chain("a chain of one unit", seed, 1)
    yield _chain("a chain of 1000 units", seed, 1000)
    yield _chain("a chain of the longest length, 2^20 units", seed, 2**20)
    yield _chain("a chain of a seed of zeros", bytes(32), 10)
    yield _chain("a chain of a seed of ones", b"\xff" * 32, 10)
    for name, generator in GENERATORS.items():
        given = {"seed": seed, "protocol": "stream", "generator": name}
        yield case("derive", f"a stream of {name}", given, lambda g=generator: _derive_stream(seed, g))
    yield _chain("refused: a chain of no unit", seed, 0)
    yield _chain("refused: a chain of 2^20 + 1 units", seed, 2**20 + 1)
    yield _chain("refused: a seed of 31 bytes", seed[:31], 10)
    yield _chain("refused: a seed of 33 bytes", seed + b"\x00", 10)

    chain = card.format_opening(card.chain_opening(seed, 10))
    chacha20 = card.format_opening(card.stream_opening(seed, 1))
    drbg = card.format_opening(card.stream_opening(seed, 2))
    for name, opening in (("chain", chain), ("chacha20", chacha20), ("hmac-drbg", drbg)):
        yield _opening(f"the opening of {name}", opening)
        yield _opening(f"refused: the opening of {name}, a byte short", opening[:-1])
        yield _opening(f"refused: the opening of {name}, a byte longer", opening + b"\x00")
    yield _opening("refused: an empty opening", b"")
    yield _opening("refused: only the protocol of a stream", b"\x02")
    yield _opening("refused: an unknown protocol", b"\x03" + chain[1:])
    yield _opening("refused: protocol 0", b"\x00" + chain[1:])
    yield _opening("refused: an unknown generator", b"\x02\x03" + chacha20[2:])
    yield _opening("refused: the generator of another length", b"\x02\x02" + chacha20[2:])
