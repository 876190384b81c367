"""vectors/activation.json"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from impuls import hpke
from impuls.activation import (
    Activation, activation_key_id, format_activation, open_activation, parse_activation, seal_activation,
    seal_envelope,
)
from impuls.card import card_id, card_message, chain_opening, format_opening, stream_opening
from impuls.encoding import canonical_json, encode_base64url
from impuls.voucher import make_code
from impuls.x25519 import x25519

from . import blind_cases
from .common import Case, case, fixed, flip

ABOUT = (
    "Sections 4, 5 and 10: HPKE with a fixed ephemeral key (from ephemeralSeed by RFC 9180 section 7.1.3), the "
    "plaintext of an activation, and the envelopes of endpoints.issue, endpoints.order and endpoints.credit."
)
PRIVATE = fixed("activation private key")
PUBLIC = x25519(PRIVATE)
EPHEMERAL_SEED = fixed("activation ephemeral seed")
EPHEMERAL = hpke.derive_private_key(EPHEMERAL_SEED)
KEYS = {"private": PRIVATE, "public": PUBLIC, "ephemeralSeed": EPHEMERAL_SEED, "ephemeral": EPHEMERAL}
DOCUMENT = fixed("document")
ISSUING_KEY = blind_cases.KEY_ID


def _activation(opening: bytes) -> Activation:
    randomizer = fixed("activation randomizer")
    signature = blind_cases.issue(card_message(opening), randomizer, "activation")["signature"]
    return Activation(opening, randomizer, signature, fixed("activation nonce", 16))


def _seal(name: str, activation: Activation) -> Case:
    message = card_message(activation.opening)
    given = KEYS | {"document": DOCUMENT, "issuingKey": ISSUING_KEY, "n": blind_cases.N_BYTES}
    return case("seal-activation", name, given | vars(activation), lambda: {
        "activationKey": activation_key_id(PUBLIC),
        "plaintext": format_activation(activation),
        "sealed": seal_activation(PUBLIC, DOCUMENT, ISSUING_KEY, activation, EPHEMERAL),
        "message": message,
        "card": card_id(message),
    })


def _open(
    name: str,
    sealed: bytes,
    private: bytes = PRIVATE,
    document: bytes = DOCUMENT,
    issuing_key: bytes = ISSUING_KEY,
) -> Case:
    given = {"private": private, "document": document, "issuingKey": issuing_key, "sealed": sealed}
    return case("open-activation", name, given, lambda: vars(
        open_activation(private, document, issuing_key, sealed)
    ))


def _parse(name: str, plaintext: bytes) -> Case:
    return case("parse-activation", name, {"plaintext": plaintext}, lambda: vars(parse_activation(plaintext)))


def _envelope(name: str, purpose: str, content: dict[str, Any]) -> Case:
    return case("seal-envelope", name, KEYS | {"purpose": purpose, "content": content}, lambda: {
        "plaintext": canonical_json(content).decode(),
        "sealed": seal_envelope(PUBLIC, purpose, content, EPHEMERAL),
    })


def _open_envelope(name: str, purpose: str, sealed: bytes) -> Case:
    given = {"private": PRIVATE, "purpose": purpose, "sealed": sealed}
    return case("open-envelope", name, given, lambda: {
        "plaintext": hpke.open_sealed(PRIVATE, f"impuls/1 {purpose}".encode(), b"", sealed).decode()
    })


def _failures(sealed: bytes) -> Iterator[Case]:
    yield _open("refused: the first byte of enc is flipped", flip(sealed, 0))
    yield _open("refused: the first byte of the ciphertext is flipped", flip(sealed, 32))
    yield _open("refused: the last byte of the tag is flipped", flip(sealed, len(sealed) - 1))
    yield _open("refused: the last byte is missing", sealed[:-1])
    yield _open("refused: a byte follows", sealed + b"\x00")
    yield _open("refused: enc alone", sealed[:32])
    yield _open("refused: nothing", b"")
    yield _open("refused: enc is the point 0", bytes(32) + sealed[32:])
    yield _open("refused: enc is the point 1", b"\x01" + bytes(31) + sealed[32:])
    yield _open("refused: another activation key", sealed, private=fixed("another private key"))
    yield _open("refused: another document", sealed, document=fixed("another document"))
    yield _open("refused: another issuing key", sealed, issuing_key=flip(ISSUING_KEY, 0))


def cases() -> Iterator[Case]:
    seed = fixed("activation seed")
    chain = _activation(format_opening(chain_opening(seed, 1000)))
    chacha20 = _activation(format_opening(stream_opening(seed, 1)))
    drbg = _activation(format_opening(stream_opening(seed, 2)))
    for name, activation in (("chain", chain), ("chacha20", chacha20), ("hmac-drbg", drbg)):
        yield _seal(f"the activation of {name}", activation)
        plaintext = format_activation(activation)
        yield _parse(f"the plaintext of {name}", plaintext)
        yield _parse(f"refused: the plaintext of {name}, a byte short", plaintext[:-1])
        yield _parse(f"refused: the plaintext of {name}, a byte longer", plaintext + b"\x00")
    yield _parse("refused: an unknown protocol", b"\x07" + format_activation(chain)[1:])
    yield _parse("refused: an unknown generator", b"\x02\x03" + format_activation(chacha20)[2:])
    yield _parse("refused: an empty plaintext", b"")

    sealed = seal_activation(PUBLIC, DOCUMENT, ISSUING_KEY, chain, EPHEMERAL)
    yield _open("an activation opens", sealed)
    yield from _failures(sealed)
    short = hpke.seal(PUBLIC, b"impuls/1 activate" + DOCUMENT, ISSUING_KEY, chain.opening, EPHEMERAL)
    yield _open("refused: what is sealed is an opening alone", short)
    broken = replace(chain, opening=b"\x09" + chain.opening[1:])
    info = b"impuls/1 activate" + DOCUMENT
    sealed_broken = hpke.seal(PUBLIC, info, ISSUING_KEY, format_activation(broken), EPHEMERAL)
    yield _open("refused: what is sealed has an unknown protocol", sealed_broken)

    code = make_code("K" + "7" * 17)
    items = [{"blinded": encode_base64url(fixed("blinded", 384)), "key": encode_base64url(ISSUING_KEY)}]
    yield _envelope("an order is issued", "issue", {"items": items, "order": code})
    yield _envelope("an order is asked for", "order", {"order": code})
    for purpose in ("exchange", "refund"):
        yield _envelope(f"units are put to an order: {purpose}", "credit", {"order": code, "purpose": purpose})
    order = seal_envelope(PUBLIC, "order", {"order": code}, EPHEMERAL)
    yield _open_envelope("an envelope opens", "order", order)
    yield _open_envelope("refused: an envelope of another purpose", "issue", order)
    yield _open_envelope("refused: an envelope with a flipped byte", "order", flip(order, 40))
