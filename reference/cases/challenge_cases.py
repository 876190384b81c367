"""vectors/challenge.json"""

from collections.abc import Iterator
from typing import Any

from impuls.challenge import challenge_id, format_request, verify_challenge
from impuls.encoding import canonical_json, encode_base64url

from .common import Case, case, fixed, holds

ABOUT = "Section 8: the request of a challenge and its id over the seven slots."
SECRET = fixed("challenge secret")
DETAILS = {
    "document": encode_base64url(fixed("document")),
    "unit": {"currency": "USD", "value": "0.001"},
    "version": 1,
}
REQUEST = {"amount": "3", "currency": "unit", "methodDetails": DETAILS}


def _request(name: str, request: dict[str, Any]) -> Case:
    return case("request", name, {"request": request}, lambda: {
        "canonical": canonical_json(request).decode(), "encoded": format_request(request)
    })


def _id(name: str, slots: dict[str, str]) -> Case:
    return case("id", name, {"secret": SECRET, "slots": slots}, lambda: {"id": challenge_id(SECRET, slots)})


def _verify(name: str, slots: dict[str, str], identifier: str, secret: bytes = SECRET) -> Case:
    given = {"secret": secret, "slots": slots, "id": identifier}
    return case("verify", name, given, lambda: holds(verify_challenge(secret, slots, identifier), "bad-id"))


def cases() -> Iterator[Case]:
    yield _request("the request of a session", REQUEST)
    nonce = encode_base64url(fixed("challenge nonce", 16))
    yield _request("the request of a charge", REQUEST | {"methodDetails": DETAILS | {"nonce": nonce}})
    headers = ["accept", "x-note"]
    yield _request("declared headers", REQUEST | {"methodDetails": DETAILS | {"headers": headers}})
    yield _request("members out of order", dict(reversed(REQUEST.items())))
    yield _request("text that must be escaped, and text that must not", {
        "a": "\" \\ / \b\f\n\r\t \u0001 \u001f \u007f", "b": "\u20ac \u00f6 \u2028 \U0001f600",
        "\ufb33": "sorted by code units", "\U0001f600": "before it",
    })

    slots = {
        "realm": "news.example",
        "method": "impuls",
        "intent": "session",
        "request": format_request(REQUEST),
        "expires": "2026-11-22T12:05:00Z",
    }
    yield _id("the id of a session", slots)
    yield _id("the id of a charge", slots | {"intent": "charge"})
    seven = slots | {"digest": "sha-256=:AAAA=:", "opaque": "kept by the client"}
    yield _id("the id over all seven slots", seven)
    yield _id("the id over no slot at all", {})
    yield _id("refused: a bar in the realm", slots | {"realm": "news.example|impuls"})
    yield _id("refused: a bar in opaque", slots | {"opaque": "|"})

    identifier = challenge_id(SECRET, slots)
    yield _verify("the id holds", slots, identifier)
    yield _verify("refused: the id of another secret", slots, identifier, fixed("another secret"))
    yield _verify("refused: another realm", slots | {"realm": "olds.example"}, identifier)
    yield _verify("refused: another intent", slots | {"intent": "charge"}, identifier)
    cheaper = format_request(REQUEST | {"amount": "2"})
    yield _verify("refused: another price", slots | {"request": cheaper}, identifier)
    yield _verify("refused: a later expiry", slots | {"expires": "2026-11-22T12:06:00Z"}, identifier)
    yield _verify("refused: an empty id", slots, "")
    yield _verify("refused: the id with padding", slots, identifier + "=")
    moved = slots | {"expires": "", "digest": slots["expires"]}
    yield _verify("refused: a slot moved into the next", moved, identifier)
