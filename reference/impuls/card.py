"""Section 3: what follows from a seed, the chain, the opening, the message and the identity of a card."""

from dataclasses import dataclass

from .encoding import u8, u32
from .errors import ImpulsError, require
from .generators import CHACHA20, HMAC_DRBG
from .hkdf import expand, sha256

CHAIN = 0x01
STREAM = 0x02
CHAIN_UNITS_MAX = 2**20


@dataclass(frozen=True)
class Master:
    """M, which the vendor learns at activation, and the keys that follow from it. All secret, 32 bytes."""

    master: bytes
    auth: bytes
    pay: bytes
    state: bytes


def keys_of_master(master: bytes) -> Master:
    require(len(master) == 32, "M has 32 bytes")
    return Master(
        master,
        expand(master, "impuls/1 auth", 32),
        expand(master, "impuls/1 pay", 32),
        expand(master, "impuls/1 state", 32),
    )


def derive_master(seed: bytes) -> Master:
    require(len(seed) == 32, "a seed has 32 bytes")
    return keys_of_master(expand(seed, "impuls/1 master", 32))


def link_below(salt: bytes, index: int, link: bytes) -> bytes:
    """w_{i-1} of w_i: one compression of SHA-256, 55 bytes."""
    require(len(salt) == 12 and len(link) == 32 and 1 <= index <= CHAIN_UNITS_MAX, "not a link of a chain")
    return sha256(b"impuls1" + salt + u32(index) + link)


def walk_down(salt: bytes, index: int, link: bytes, to: int) -> bytes:
    """w_to of w_index, to ≤ index."""
    require(0 <= to <= index <= CHAIN_UNITS_MAX, "a chain is walked downwards")
    for i in range(index, to, -1):
        link = link_below(salt, i, link)
    return link


def derive_chain(seed: bytes, units: int) -> tuple[bytes, list[bytes]]:
    """The salt (12 bytes) and the links w_0 … w_N (32 bytes each)."""
    require(len(seed) == 32 and 1 <= units <= CHAIN_UNITS_MAX, "a chain has 1 to 2^20 units")
    salt = expand(seed, "impuls/1 salt", 12)
    links = [expand(seed, "impuls/1 chain", 32)]
    for i in range(units, 0, -1):
        links.append(link_below(salt, i, links[-1]))
    links.reverse()
    return salt, links


def derive_stream(seed: bytes, generator: int) -> tuple[bytes, bytes]:
    """g_0 (32 bytes) and the nonce (16 bytes with hmac-drbg, else empty)."""
    require(len(seed) == 32 and generator in (CHACHA20, HMAC_DRBG), "no such generator")
    nonce = expand(seed, "impuls/1 drbg nonce", 16) if generator == HMAC_DRBG else b""
    return expand(seed, "impuls/1 stream", 32), nonce


@dataclass(frozen=True)
class Opening:
    """What the vendor learns at activation. chain: salt and anchor; stream: generator, nonce and g_0."""

    protocol: int
    master: bytes
    salt: bytes = b""
    anchor: bytes = b""
    generator: int = 0
    nonce: bytes = b""
    g0: bytes = b""


def format_opening(opening: Opening) -> bytes:
    """77 bytes (chain), 66 (chacha20) or 82 (hmac-drbg)."""
    if opening.protocol == CHAIN:
        return u8(CHAIN) + opening.salt + opening.anchor + opening.master
    return u8(STREAM) + u8(opening.generator) + opening.nonce + opening.g0 + opening.master


def opening_length(data: bytes) -> int:
    """How long the opening is that begins like this."""
    if data[:1] == u8(CHAIN):
        return 77
    if data[:2] == u8(STREAM) + u8(CHACHA20):
        return 66
    if data[:2] == u8(STREAM) + u8(HMAC_DRBG):
        return 82
    raise ImpulsError("malformed", "no such protocol or generator")


def parse_opening(data: bytes) -> Opening:
    require(len(data) == opening_length(data), "an opening has exactly its length")
    if data[0] == CHAIN:
        return Opening(CHAIN, data[45:], salt=data[1:13], anchor=data[13:45])
    g0 = len(data) - 64
    return Opening(STREAM, data[g0 + 32:], generator=data[1], nonce=data[2:g0], g0=data[g0:g0 + 32])


def chain_opening(seed: bytes, units: int) -> Opening:
    salt, links = derive_chain(seed, units)
    return Opening(CHAIN, derive_master(seed).master, salt=salt, anchor=links[0])


def stream_opening(seed: bytes, generator: int) -> Opening:
    g0, nonce = derive_stream(seed, generator)
    return Opening(STREAM, derive_master(seed).master, generator=generator, nonce=nonce, g0=g0)


def card_message(opening: bytes) -> bytes:
    """m, 32 bytes: what the vendor signs without seeing it."""
    return sha256(b"impuls/1 card" + opening)


def card_id(message: bytes) -> bytes:
    """16 bytes."""
    return sha256(b"impuls/1 card id" + message)[:16]
