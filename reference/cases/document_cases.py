"""vectors/document.json"""

from collections.abc import Iterator
from typing import Any

from impuls.document import (
    Document, activation_key_id, check_successor, issuing_key_id, live_keys, parse_document, statement_keys,
)
from impuls.encoding import canonical_json, encode_base64url

from .common import Case, case, fixed

ABOUT = "Section 2: keys that end before their time, earlier statement keys, and which document may follow."
DAY = 24 * 3600
BEGIN = 1_790_000_000
REVOKED = BEGIN + 100 * DAY
Json = dict[str, Any]


def _key(number: int, not_before: int = BEGIN, denomination: int = 1000) -> Json:
    drawn = bytearray(fixed(f"modulus {number}", 384))
    drawn[0] |= 0x80
    drawn[-1] |= 1
    n = bytes(drawn)
    return {
        "denomination": denomination, "epoch": f"epoch-{number}", "expires": not_before + 2000 * DAY,
        "id": issuing_key_id(n), "n": encode_base64url(n), "notAfter": not_before + 365 * DAY,
        "notBefore": not_before,
    }


ONE, TWO, THREE = _key(1), _key(2), _key(3)
STATEMENTS = [encode_base64url(fixed(f"statement key {number}")) for number in range(3)]
ACTIVATION = fixed("document activation key")
LEAKED = {"activateUntil": REVOKED + 30 * DAY, "id": ONE["id"], "reason": "leaked", "time": REVOKED}
LOST = {"id": ONE["id"], "reason": "lost", "time": REVOKED}
EARLIER = [
    {"key": STATEMENTS[0], "until": BEGIN + 10 * DAY}, {"key": STATEMENTS[1], "until": BEGIN + 20 * DAY},
]
PREVIOUS = [encode_base64url(fixed("an earlier document"))]


def _document(**members: Any) -> Json:
    """Without what is given as None."""
    paths = ("activate", "credit", "issue", "order", "state", "statement")
    json = {
        "activation": {"id": activation_key_id(ACTIVATION), "key": encode_base64url(ACTIVATION)},
        "cards": [ONE],
        "endpoints": {name: f"/impuls/{name}" for name in paths},
        "name": "Example News",
        "origin": "https://news.example",
        "policy": {"grace": 30 * DAY, "retention": 40 * DAY},
        "previous": PREVIOUS,
        "statement": {"key": STATEMENTS[2]},
        "unit": {"code": "unit", "currency": "USD", "value": "0.001"},
        "version": 1,
    } | members
    return {name: value for name, value in json.items() if value is not None}


def _text(json: Json) -> str:
    return canonical_json(json).decode()


def _parsed(json: Json) -> Document:
    return parse_document(canonical_json(json))


def _parse(name: str, json: Json) -> Case:
    return case("parse", name, {"document": _text(json)}, lambda: {"digest": _parsed(json).digest})


def _revoked(name: str, *entries: Json, cards: list[Json] | None = None) -> Case:
    return _parse(name, _document(cards=cards or [ONE], revoked=list(entries)))


def _parse_cases() -> Iterator[Case]:
    yield _parse("no key is revoked", _document())
    yield _revoked("a list of revocations that is empty")
    yield _revoked("a key was lost", LOST)
    yield _revoked("a key has leaked", LEAKED)
    yield _revoked("activateUntil may be the time itself", LEAKED | {"activateUntil": REVOKED})
    yield _revoked("an unknown member of a revocation is ignored", LOST | {"note": "a fire"})
    yield _revoked("three keys of a kind, one of which was revoked before the third", LOST, cards=[
        ONE, TWO, _key(3, REVOKED),
    ])
    yield _revoked("refused: three keys of a kind, the first revoked a second too late",
                   LOST | {"time": REVOKED + 1}, cards=[ONE, TWO, _key(3, REVOKED)])
    yield _parse("refused: three live keys of a kind", _document(cards=[ONE, TWO, THREE]))
    yield _revoked("refused: a revoked key that is not named", LOST | {"id": TWO["id"]})
    yield _revoked("refused: a key that is revoked twice", LOST, LEAKED)
    yield _revoked("refused: a reason that is none", LOST | {"reason": "stolen"})
    yield _revoked("refused: a leaked key without activateUntil", LEAKED | {"activateUntil": None})
    yield _revoked("refused: activateUntil before the time", LEAKED | {"activateUntil": REVOKED - 1})
    yield _revoked("refused: a time of 2^32", LOST | {"time": 2**32})
    earlier = _document(statement={"earlier": EARLIER, "key": STATEMENTS[2]})
    yield _parse("two earlier statement keys", earlier)
    short = encode_base64url(fixed("short", 31))
    yield _parse("refused: an earlier statement key of 31 bytes", _document(
        statement={"earlier": [{"key": short, "until": BEGIN}], "key": STATEMENTS[2]}
    ))
    yield _parse("refused: an earlier statement key without its end", _document(
        statement={"earlier": [{"key": STATEMENTS[0]}], "key": STATEMENTS[2]}
    ))


def _time_cases() -> Iterator[Case]:
    two = _document(cards=[ONE, _key(2, BEGIN + 50 * DAY)], revoked=[LOST])
    times = (
        ("before the first", BEGIN - 1), ("the first", BEGIN), ("the second begins", BEGIN + 50 * DAY),
        ("before the end of the first", REVOKED - 1), ("the end of the first", REVOKED),
        ("after all", BEGIN + 415 * DAY),
    )
    for name, time in times:
        given = {"document": _text(two), "time": time}
        yield case("live", f"keys that issue: {name}", given, lambda t=time: {
            "keys": live_keys(_parsed(two), t)
        })
    document = _document(statement={"earlier": EARLIER, "key": STATEMENTS[2]})
    for name, time in (
        ("all", BEGIN), ("before the first ends", BEGIN + 10 * DAY - 1),
        ("the first has ended", BEGIN + 10 * DAY), ("the last alone", BEGIN + 20 * DAY),
    ):
        given = {"document": _text(document), "time": time}
        yield case("statement-keys", f"keys of a statement: {name}", given, lambda t=time: {
            "keys": statement_keys(_parsed(document), t)
        })


def _successor(name: str, old: Json, held: list[str] | None = None, /, **members: Any) -> Case:
    """`members` are what the new document has otherwise than the old one."""
    past = [*old["previous"], _parsed(old).digest]
    new = {key: value for key, value in (old | {"previous": past} | members).items() if value is not None}
    given = {"pinned": _text(old), "next": _text(new), "held": held or []}

    def run() -> dict[str, Any]:
        check_successor(_parsed(old), _parsed(new), held or [])
        return {"holds": True}

    return case("successor", name, given, run)


def _successor_cases() -> Iterator[Case]:
    plain = _document()
    yield _successor("another name", plain, name="Example News and Weather")
    yield _successor("a key is revoked", plain, [ONE["id"]], revoked=[LOST])
    yield _successor("a lost key turns out to have leaked", _document(revoked=[LOST]), revoked=[LEAKED])
    moved = LEAKED | {"activateUntil": REVOKED}
    yield _successor("activateUntil moves", _document(revoked=[LEAKED]), revoked=[moved])
    yield _successor("a revocation goes with its key", _document(cards=[ONE, TWO], revoked=[LOST]),
                     [TWO["id"]], cards=[TWO], revoked=None)
    yield _successor("refused: a revocation is taken back", _document(revoked=[LOST]), revoked=None)
    yield _successor("refused: a leaked key is called lost", _document(revoked=[LEAKED]), revoked=[LOST])
    yield _successor("refused: a revocation moves", _document(revoked=[LOST]),
                     revoked=[LOST | {"time": REVOKED - 1}])
    yield _successor("refused: a key is altered", plain, cards=[ONE | {"expires": ONE["expires"] + 1}])
    yield _successor("refused: a key is gone of which the wallet holds cards", plain, [ONE["id"]],
                     cards=[TWO])
    yield _successor("refused: another past", plain, previous=[*PREVIOUS, *PREVIOUS])
    yield _successor("refused: the past is cut off at its beginning", plain,
                     previous=[_parsed(plain).digest])
    yield _successor("refused: another origin", plain, origin="https://other.example")
    old = _document(statement={"earlier": EARLIER[:1], "key": STATEMENTS[1]})
    yield _successor("the statement key is rotated", old,
                     statement={"earlier": EARLIER, "key": STATEMENTS[2]})
    yield _successor("refused: the statement key is dropped", old,
                     statement={"earlier": EARLIER[:1], "key": STATEMENTS[2]})
    yield _successor("refused: an earlier statement key is dropped", old,
                     statement={"earlier": EARLIER[1:], "key": STATEMENTS[2]})
    yield _successor("refused: an earlier statement key gets another end", old, statement={
        "earlier": [EARLIER[0] | {"until": BEGIN}, EARLIER[1]], "key": STATEMENTS[2],
    })


def cases() -> Iterator[Case]:
    yield from _parse_cases()
    yield from _time_cases()
    yield from _successor_cases()
