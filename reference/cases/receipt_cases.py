"""vectors/receipt.json"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from impuls.card import derive_master
from impuls.receipt import (
    PublicState, Receipt, encode_state, receipt_mac, state_mac, state_request_tag, statement_bytes,
    verify_mac,
)

from .common import Case, case, fixed, flip, holds

ABOUT = "Section 7: receipts, states, requests for a state, and the bytes that a statement signs."
KEYS = derive_master(fixed("receipt seed"))
CARD = fixed("receipt card", 16)
NONCE = fixed("receipt nonce", 16)
PAYMENT_KEY = fixed("payment key")
EXPIRES = 1_952_000_000
OTHER_VERDICTS = (
    "released", "insufficient", "expired", "forged", "already-claimed", "in-progress", "mismatched",
    "outcome-unknown",
)


def _given_state(verdict: str, nonce: bytes, state: PublicState) -> dict[str, Any]:
    return {"stateKey": KEYS.state, "verdict": verdict, "card": CARD, "nonce": nonce, "state": vars(state)}


def _receipt(name: str, receipt: Receipt) -> Case:
    given = {"paymentKey": PAYMENT_KEY, "tag": NONCE, "receipt": vars(receipt)}
    return case("receipt", name, given, lambda: {
        "mac": receipt_mac(PAYMENT_KEY, NONCE, receipt)
    })


def _verify_receipt(name: str, receipt: Receipt, tag: bytes, mac: bytes) -> Case:
    given = {"paymentKey": PAYMENT_KEY, "tag": tag, "receipt": vars(receipt), "mac": mac}
    return case("verify-receipt", name, given, lambda: holds(
        verify_mac(receipt_mac(PAYMENT_KEY, tag, receipt), mac), "bad-mac"
    ))


def _state(name: str, verdict: str, state: PublicState) -> Case:
    given = _given_state(verdict, NONCE, state)
    return case("state", name, given, lambda: {
        "encoded": encode_state(state), "mac": state_mac(KEYS.state, verdict, CARD, NONCE, state)
    })


def _verify_state(name: str, verdict: str, nonce: bytes, state: PublicState, mac: bytes) -> Case:
    given = _given_state(verdict, nonce, state) | {"mac": mac}
    return case("verify-state", name, given, lambda: holds(
        verify_mac(state_mac(KEYS.state, verdict, CARD, nonce, state), mac), "bad-mac"
    ))


def _receipt_cases() -> Iterator[Case]:
    receipt = Receipt("accepted", 3, 993, 7, "2026-11-22T12:00:00Z")
    yield _receipt("accepted", receipt)
    yield _receipt("repeated", replace(receipt, verdict="repeated"))
    last = Receipt("accepted", 1, 0, 1000, "2026-11-22T12:00:00.5Z")
    yield _receipt("nothing remains, a fraction of a second", last)
    highest = 2**32 - 1
    largest = Receipt("accepted", highest, highest, highest, "9999-12-31T23:59:59Z")
    yield _receipt("the largest numbers", largest)
    mac = receipt_mac(PAYMENT_KEY, NONCE, receipt)
    yield _verify_receipt("a receipt holds", receipt, NONCE, mac)
    yield _verify_receipt("refused: a flipped byte of the receipt's mac", receipt, NONCE, flip(mac, 7))
    yield _verify_receipt("refused: the receipt of another claim", receipt, flip(NONCE, 0), mac)
    yield _verify_receipt("refused: another number of units", replace(receipt, units=2), NONCE, mac)
    yield _verify_receipt("refused: another remainder", replace(receipt, remaining=994), NONCE, mac)
    repeated = replace(receipt, verdict="repeated")
    yield _verify_receipt("refused: the receipt of another verdict", repeated, NONCE, mac)
    later = replace(receipt, timestamp="2026-11-22T12:00:01Z")
    yield _verify_receipt("refused: another time", later, NONCE, mac)


def _state_cases() -> Iterator[Case]:
    fresh = PublicState(1000, 0, 0, EXPIRES, ())
    state = PublicState(1000, 7, 17, EXPIRES, ((2, 5), (6, 13)))
    conflict = replace(state, holder=fixed("holder", 16))
    yield _state("a fresh card, at activation", "activate", fresh)
    yield _state("a card with gaps, asked for", "state", state)
    yield _state("stream: skipped steps do not merge", "state", replace(state, gaps=((2, 3), (3, 4))))
    yield _state("a conflict with its holder", "conflict", conflict)
    many = tuple((unit, unit + 1) for unit in range(1, 129, 2))
    yield _state("64 gaps", "crowded", PublicState(1000, 65, 129, EXPIRES, many))
    for verdict in OTHER_VERDICTS:
        yield _state(f"the verdict {verdict}", verdict, state)
    mac = state_mac(KEYS.state, "conflict", CARD, NONCE, conflict)
    yield _verify_state("a state holds", "conflict", NONCE, conflict, mac)
    yield _verify_state("refused: a flipped byte of the mac", "conflict", NONCE, conflict, flip(mac, 15))
    yield _verify_state("refused: the state of another claim", "conflict", flip(NONCE, 3), conflict, mac)
    yield _verify_state("refused: the state of another verdict", "released", NONCE, conflict, mac)
    yield _verify_state("refused: without its holder", "conflict", NONCE, state, mac)
    fewer, later = replace(conflict, gaps=((2, 5),)), replace(conflict, expires=EXPIRES + 1)
    yield _verify_state("refused: a gap is missing", "conflict", NONCE, fewer, mac)
    yield _verify_state("refused: another expiry", "conflict", NONCE, later, mac)


def cases() -> Iterator[Case]:
    yield from _receipt_cases()
    yield from _state_cases()
    for purpose in ("state", "statement"):
        given = {"auth": KEYS.auth, "purpose": purpose, "card": CARD, "nonce": NONCE}
        yield case("state-request", f"a request for a {purpose}", given, lambda p=purpose: {
            "tag": state_request_tag(KEYS.auth, p, CARD, NONCE)
        })
    state = PublicState(1000, 7, 17, EXPIRES, ((2, 5), (6, 13)))
    for name, tip in (("chain", fixed("tip")), ("stream", b"")):
        given = {
            "origin": "https://news.example",
            "message": fixed("message"),
            "time": 1_795_000_000,
            "tip": tip,
            "state": vars(state),
        }
        yield case("statement", f"the signed bytes of a statement on {name}", given, lambda t=tip: {
            "signed": statement_bytes("https://news.example", fixed("message"), 1_795_000_000, t, state)
        })
