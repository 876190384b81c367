"""vectors/chain.json"""

from collections.abc import Iterator
from typing import Any

from impuls import card
from impuls.errors import require

from .common import Case, case, fixed, flip, holds

ABOUT = "Section 3, chain: links, walks down a chain, and proofs that do not hold."


def _links(seed: bytes, units: int, chosen: list[int]) -> dict[str, Any]:
    salt, links = card.derive_chain(seed, units)
    require(all(0 <= index <= units for index in chosen), "no such link")
    return {"salt": salt, "links": {str(index): links[index] for index in chosen}}


def _chain(name: str, seed: bytes, units: int, chosen: list[int]) -> Case:
    given = {"seed": seed, "units": units, "indexes": chosen}
    return case("links", name, given, lambda: _links(seed, units, chosen))


def _walk(name: str, salt: bytes, index: int, link: bytes, to: int) -> Case:
    given = {"salt": salt, "from": index, "link": link, "to": to}
    return case("walk", name, given, lambda: {"link": card.walk_down(salt, index, link, to)})


def _verify(name: str, salt: bytes, index: int, link: bytes, to: int, expected: bytes) -> Case:
    given = {"salt": salt, "from": index, "link": link, "to": to, "expected": expected}
    return case("verify", name, given, lambda: holds(
        card.walk_down(salt, index, link, to) == expected, "forged"
    ))


def cases() -> Iterator[Case]:
    seed = fixed("chain seed")
    yield _chain("a chain of one unit", seed, 1, [0, 1])
    yield _chain("a chain of five units", seed, 5, [0, 1, 2, 3, 4, 5])
    yield _chain("a chain of 5000 units", seed, 5000, [0, 1, 255, 256, 257, 4096, 4999, 5000])
    yield _chain("refused: the link of a unit beyond N", seed, 5, [6])
    yield _chain("refused: the link below the anchor", seed, 5, [-1])

    salt, links = card.derive_chain(seed, 5000)
    yield _walk("one link down", salt, 5000, links[5000], 4999)
    yield _walk("no step", salt, 17, links[17], 17)
    yield _walk("to the anchor", salt, 5000, links[5000], 0)
    yield _walk("across the index 256", salt, 257, links[257], 254)
    yield _walk("a link of zeros and a salt of zeros", bytes(12), 1, bytes(32), 0)
    yield _walk("from the highest index", bytes(12), 2**20, bytes(32), 2**20 - 2)
    yield _verify("a proof of three units", salt, 3, links[3], 0, links[0])
    yield _verify("a proof above a top of 4000", salt, 4100, links[4100], 4000, links[4000])
    yield _verify("refused: the lowest bit of the proof is flipped", salt, 3, flip(links[3], 31), 0, links[0])
    yield _verify("refused: the first bit of the salt is flipped", flip(salt, 0), 3, links[3], 0, links[0])
    yield _verify("refused: the link of the unit above", salt, 3, links[4], 0, links[0])
    yield _verify("refused: the index is one too high", salt, 4, links[3], 0, links[0])
    yield _verify("refused: the link of another chain", salt, 3, fixed("another chain"), 0, links[0])
    tip = links[4000]
    yield _verify("refused: the tip itself as the proof of the next unit", salt, 4001, tip, 4000, tip)
