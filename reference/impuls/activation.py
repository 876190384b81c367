"""Sections 4 and 5: the sealed requests of issuing and activating."""

from dataclasses import dataclass
from typing import Any

from . import hpke
from .card import opening_length
from .encoding import canonical_json
from .errors import require
from .hkdf import sha256

RANDOMIZER_BYTES = 32
SIGNATURE_BYTES = 384
NONCE_BYTES = 16


@dataclass(frozen=True)
class Activation:
    opening: bytes
    randomizer: bytes
    signature: bytes
    nonce: bytes


def activation_key_id(key: bytes) -> bytes:
    """Section 2, 8 bytes."""
    return sha256(b"impuls/1 activation key" + key)[:8]


def format_activation(activation: Activation) -> bytes:
    return activation.opening + activation.randomizer + activation.signature + activation.nonce


def parse_activation(plaintext: bytes) -> Activation:
    """The first byte or two say how long the opening is; nothing may follow the nonce."""
    start = opening_length(plaintext)
    lengths = (start, RANDOMIZER_BYTES, SIGNATURE_BYTES, NONCE_BYTES)
    require(len(plaintext) == sum(lengths), "an activation has exactly its length")
    parts, offset = [], 0
    for length in lengths:
        parts.append(plaintext[offset:offset + length])
        offset += length
    return Activation(*parts)


def _activation_info(document: bytes) -> bytes:
    require(len(document) == 32, "D has 32 bytes")
    return b"impuls/1 activate" + document


def seal_activation(
    recipient: bytes, document: bytes, issuing_key: bytes, activation: Activation, ephemeral: bytes
) -> bytes:
    """`enc ‖ ct`, bound to D and to the id of the issuing key (16 bytes)."""
    require(len(issuing_key) == 16, "the id of an issuing key has 16 bytes")
    plaintext = format_activation(activation)
    return hpke.seal(recipient, _activation_info(document), issuing_key, plaintext, ephemeral)


def open_activation(private: bytes, document: bytes, issuing_key: bytes, sealed: bytes) -> Activation:
    return parse_activation(hpke.open_sealed(private, _activation_info(document), issuing_key, sealed))


def seal_envelope(recipient: bytes, purpose: str, content: Any, ephemeral: bytes) -> bytes:
    """The `sealed` of endpoints.issue and endpoints.order; purpose is "issue" or "order"."""
    return hpke.seal(recipient, f"impuls/1 {purpose}".encode(), b"", canonical_json(content), ephemeral)
