"""Section 7: the MACs of receipts and states, the tag of a state request, the signed bytes of a statement."""

from collections.abc import Sequence
from dataclasses import dataclass

from .encoding import field, u32
from .errors import require
from .hkdf import equal, mac


@dataclass(frozen=True)
class PublicState:
    """What the vendor tells of a card. Gaps are (from, to); a skipped step t of stream is (t - 1, t)."""

    units: int
    spent: int
    top: int
    expires: int
    gaps: Sequence[tuple[int, int]]
    holder: bytes = b""


@dataclass(frozen=True)
class Receipt:
    verdict: str
    units: int
    remaining: int
    end: int
    timestamp: str


def encode_state(state: PublicState) -> bytes:
    numbers = [state.units, state.spent, state.top, state.expires, len(state.gaps)]
    numbers += [number for gap in state.gaps for number in gap]
    return b"".join(u32(number) for number in numbers) + field(state.holder)


def state_mac(state_key: bytes, verdict: str, card: bytes, nonce: bytes, state: PublicState) -> bytes:
    """16 bytes, under T. The nonce (16 bytes) is the claim's tag, or the nonce that was sent."""
    require(len(card) == 16 and len(nonce) == 16, "card and nonce have 16 bytes")
    return mac(state_key, b"impuls/1 state", field(verdict.encode()) + card + nonce + encode_state(state))


def state_request_tag(auth: bytes, purpose: str, card: bytes, nonce: bytes) -> bytes:
    """16 bytes, under A. The purpose is "state" or "statement"."""
    require(len(card) == 16 and len(nonce) == 16, "card and nonce have 16 bytes")
    return mac(auth, b"impuls/1 state request", field(purpose.encode()) + card + nonce)


def receipt_mac(payment_key: bytes, tag: bytes, receipt: Receipt) -> bytes:
    """16 bytes, under the payment key."""
    require(len(tag) == 16, "a tag has 16 bytes")
    content = (
        tag
        + field(receipt.verdict.encode())
        + u32(receipt.units)
        + u32(receipt.remaining)
        + u32(receipt.end)
        + field(receipt.timestamp.encode())
    )
    return mac(payment_key, b"impuls/1 receipt", content)


def verify_mac(expected: bytes, received: bytes) -> bool:
    return equal(expected, received)


def statement_bytes(origin: str, message: bytes, time: int, tip: bytes, state: PublicState) -> bytes:
    """What the statement key (Ed25519) signs. tip: w_top (chain), or empty."""
    require(len(message) == 32 and len(tip) in (0, 32), "m has 32 bytes, a tip 32 or none")
    head = b"impuls/1 statement" + field(origin.encode()) + message
    return head + u32(time) + field(tip) + encode_state(state)
