"""vectors/claim.json"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from impuls.card import CHAIN, STREAM, card_id, card_message, derive_chain, derive_master, derive_stream
from impuls.claim import (
    Claim, Request, claim_tag, derive_payment_keys, format_transcript, parse_payload, stream_proof,
    verify_tag,
)
from impuls.encoding import encode_base64url
from impuls.errors import require
from impuls.generators import initial_state, output_at
from impuls.hkdf import sha256

from .common import Case, case, fixed, flip, holds

ABOUT = "Sections 6.1 and 8: transcript, tag, payment key and the keys from it; payloads as they arrive."
PROTOCOLS = {CHAIN: "chain", STREAM: "stream"}
KEYS = derive_master(fixed("claim seed"))
CARD = card_id(card_message(b"claim"))
GET = Request("GET", "https://news.example/article/1?page=2", (), b"", fixed("challenge").hex(), False)


def _given_claim(claim: Claim) -> dict[str, Any]:
    return vars(claim) | {"protocol": PROTOCOLS[claim.protocol]}


def _given_request(request: Request) -> dict[str, Any]:
    return vars(request)


def _make(name: str, claim: Claim, ikm: bytes, request: Request) -> Case:
    def run() -> dict[str, Any]:
        require(claim.proof == (ikm if claim.protocol == CHAIN else stream_proof(ikm)), "the wrong ikm")
        transcript = format_transcript(claim, request)
        keys = derive_payment_keys(KEYS.pay, ikm, claim.units, claim.nonce)
        return {"transcript": transcript, "tag": claim_tag(KEYS.auth, transcript)} | vars(keys)

    given = {
        "auth": KEYS.auth,
        "pay": KEYS.pay,
        "ikm": ikm,
        "claim": _given_claim(claim),
        "request": _given_request(request),
    }
    return case("make", name, given, run)


def _verify(name: str, claim: Claim, request: Request, tag: bytes, auth: bytes = KEYS.auth) -> Case:
    given = {"auth": auth, "claim": _given_claim(claim), "request": _given_request(request), "tag": tag}
    return case("verify-tag", name, given, lambda: holds(
        verify_tag(auth, format_transcript(claim, request), tag), "unknown"
    ))


def _parse(name: str, payload: str) -> Case:
    def run() -> dict[str, Any]:
        claim, tag, digest, sealed = parse_payload(payload)
        return _given_claim(claim) | {"tag": tag, "digest": digest, "sealed": sealed}

    return case("parse-payload", name, {"payload": payload}, run)


def _payload(claim: Claim, **changes: Any) -> str:
    members = {
        "action": "pay",
        "card": encode_base64url(claim.card),
        "protocol": PROTOCOLS[claim.protocol],
        "end": str(claim.end),
        "units": str(claim.units),
        "nonce": encode_base64url(claim.nonce),
        "proof": encode_base64url(claim.proof),
        "tag": encode_base64url(fixed("tag", 16)),
    }
    members = {name: value for name, value in (members | changes).items() if value is not None}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def _tag_cases(claim: Claim) -> Iterator[Case]:
    tag = claim_tag(KEYS.auth, format_transcript(claim, GET))
    yield _verify("the tag holds", claim, GET, tag)
    yield _verify("refused: the first byte of the tag is flipped", claim, GET, flip(tag, 0))
    yield _verify("refused: the last byte of the tag is flipped", claim, GET, flip(tag, 15))
    yield _verify("refused: a tag of 15 bytes", claim, GET, tag[:15])
    yield _verify("refused: another card's key", claim, GET, tag, fixed("another"))
    for what, request in (
        ("method", replace(GET, method="HEAD")),
        ("path", replace(GET, target=GET.target.replace("article", "Article"))),
        ("query", replace(GET, target=GET.target + "0")),
        ("origin", replace(GET, target=GET.target.replace("https://news", "https://olds"))),
        ("declared header", replace(GET, headers=(("accept", ""),))),
        ("digest", replace(GET, digest=sha256(b""))),
        ("challenge", replace(GET, challenge=GET.challenge[:-1])),
        ("wish for a seal", replace(GET, sealed=True)),
    ):
        yield _verify(f"refused: the tag of a request with another {what}", claim, request, tag)
    for what, other in (
        ("card", replace(claim, card=flip(claim.card, 0))),
        ("end", replace(claim, end=claim.end + 1)),
        ("number of units", replace(claim, units=claim.units + 1)),
        ("nonce", replace(claim, nonce=flip(claim.nonce, 15))),
        ("proof", replace(claim, proof=flip(claim.proof, 31))),
    ):
        yield _verify(f"refused: the tag of a claim with another {what}", other, GET, tag)


def _payload_cases(chain: Claim, stream: Claim) -> Iterator[Case]:
    digest = encode_base64url(sha256(b"body"))
    yield _parse("a payload of chain", _payload(chain))
    yield _parse("a payload of stream", _payload(stream))
    yield _parse("a payload with a digest and a seal", _payload(chain, digest=digest, seal="aes128gcm"))
    yield _parse("the highest end of chain", _payload(chain, end="1048576"))
    highest = "4294967295"
    yield _parse("the highest end and units of stream", _payload(stream, end=highest, units=highest))
    yield _parse("chain: an end that no card has, for the state to refuse", _payload(chain, end=highest))
    yield _parse("stream: more units than the step's number", _payload(stream, end="1", units="100"))
    for what, changes in (
        ("units above end on a chain", {"end": "3", "units": "4"}),
        ("an end of zero", {"end": "0"}),
        ("units of zero", {"units": "0"}),
        ("an end with a leading zero", {"end": "07"}),
        ("an end with a sign", {"end": "+7"}),
        ("an end with a fraction", {"end": "7.0"}),
        ("an end as a number", {"end": 7}),
        ("an end in other digits", {"end": "\u0667"}),
        ("an end with a line feed", {"end": "7\n"}),
        ("a card of 15 bytes", {"card": encode_base64url(bytes(15))}),
        ("a card with padding", {"card": encode_base64url(bytes(16)) + "=="}),
        ("a card whose unused bits are not zero", {"card": "A" * 21 + "B"}),
        ("a card in the alphabet of base64", {"card": "+" + "A" * 21}),
        ("a nonce of 17 bytes", {"nonce": encode_base64url(bytes(17))}),
        ("a proof of stream on a chain", {"proof": encode_base64url(bytes(16))}),
        ("a tag of 32 bytes", {"tag": encode_base64url(bytes(32))}),
        ("an unknown protocol", {"protocol": "chains"}),
        ("an unknown action", {"action": "open"}),
        ("an unknown seal", {"seal": "aes256gcm"}),
        ("an empty digest", {"digest": ""}),
        ("an unknown member", {"note": "hello"}),
        ("no tag", {"tag": None}),
        ("a member that is not text", {"digest": False}),
    ):
        yield _parse(f"refused: {what}", _payload(chain, **changes))
    yield _parse("refused: stream with an end of 2^32", _payload(stream, end="4294967296"))
    yield _parse("refused: stream with units of eleven digits", _payload(stream, units="10000000000"))
    yield _parse("refused: stream with a proof of chain", _payload(stream, proof=encode_base64url(bytes(32))))
    yield _parse("refused: a member named twice", _payload(chain)[:-1] + ',"units":"3"}')
    yield _parse("refused: a list", "[" + _payload(chain) + "]")
    yield _parse("refused: not JSON", _payload(chain) + "}")
    yield _parse("refused: nothing", "")


def cases() -> Iterator[Case]:
    seed = fixed("claim seed")
    _, links = derive_chain(seed, 100)
    chain = Claim(CARD, CHAIN, 7, 3, fixed("nonce", 16), links[7])
    yield _make("chain, without a body", chain, links[7], GET)
    whole = Claim(CARD, CHAIN, 100, 100, bytes(16), links[100])
    yield _make("chain, all units at once", whole, links[100], GET)
    post = replace(GET, method="POST", digest=sha256(b"a body"))
    yield _make("chain, with a body", chain, links[7], post)
    yield _make("chain, with an empty body", chain, links[7], replace(post, digest=sha256(b"")))
    yield _make("chain, sealed", chain, links[7], replace(GET, sealed=True))
    headers = (("accept", "text/html"), ("accept-language", ""), ("x-note", "sch\u00f6n, \u20ac"))
    declared = replace(GET, headers=headers)
    yield _make("chain, with declared headers, one absent, one not ASCII", chain, links[7], declared)
    for name, value in (("ab", "c"), ("a", "bc")):
        same = replace(GET, headers=((name, value),))
        yield _make(f"chain, the header {name}: the same but for lengths", chain, links[7], same)
    yield _make("chain, the shortest target", chain, links[7], replace(GET, target="https://news.example/"))

    streams = {}
    for name, generator in (("chacha20", 1), ("hmac-drbg", 2)):
        _, output = output_at(generator, initial_state(generator, *derive_stream(seed, generator)), 5)
        streams[name] = Claim(CARD, STREAM, 5, 250, fixed("nonce", 16), stream_proof(output))
        yield _make(f"stream of {name}", streams[name], output, GET)
        if generator == 1:
            largest = replace(streams[name], end=2**32 - 1, units=2**32 - 1)
            yield _make("stream, the largest numbers", largest, output, post)
    yield from _tag_cases(chain)
    yield from _payload_cases(chain, streams["chacha20"])
