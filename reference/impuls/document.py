"""Section 2: the key document, what its keys do at a time, and which document may take its place."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .encoding import MAX_U32, canonical_json, decode_base64url, encode_base64url, parse_json
from .errors import ImpulsError, require

LIVE_KEYS = 2
LEAST_ISSUING = 30 * 24 * 3600
Json = dict[str, Any]


@dataclass(frozen=True)
class Document:
    json: Json
    digest: str
    """D, base64url."""


def issuing_key_id(n: bytes) -> str:
    return encode_base64url(sha256(b"impuls/1 issuing key" + n).digest()[:16])


def activation_key_id(key: bytes) -> str:
    return encode_base64url(sha256(b"impuls/1 activation key" + key).digest()[:8])


def parse_document(data: bytes) -> Document:
    """Checks the keys of a document. Any breach is `bad-document`."""
    try:
        json = parse_json(data)
        require(isinstance(json, dict) and canonical_json(json) == data, "not canonical JSON")
        _check(json)
    except (ImpulsError, KeyError, TypeError) as error:
        raise ImpulsError("bad-document", str(error)) from error
    return Document(json, encode_base64url(sha256(data).digest()))


def _check(json: Json) -> None:
    require(json["version"] == 1, "another version")
    activation = decode_base64url(json["activation"]["key"], 32)
    require(json["activation"]["id"] == activation_key_id(activation), "another activation id")
    for card in json["cards"]:
        _check_card(card)
    ids = [card["id"] for card in json["cards"]]
    require(len(set(ids)) == len(ids), "a key is named twice")
    revoked = json.get("revoked", [])
    for entry in revoked:
        _check_revocation(entry, ids)
    require(len({entry["id"] for entry in revoked}) == len(revoked), "a key is revoked twice")
    for card in json["cards"]:
        live = [
            other for other in json["cards"]
            if other["denomination"] == card["denomination"] and _is_live(json, other, card["notBefore"])
        ]
        require(len(live) <= LIVE_KEYS, "more than two live keys of one denomination")
    decode_base64url(json["statement"]["key"], 32)
    for entry in json["statement"].get("earlier", []):
        decode_base64url(entry["key"], 32)
        _time(entry["until"])
    for digest in json["previous"]:
        decode_base64url(digest, 32)


def _check_card(card: Json) -> None:
    n = decode_base64url(card["n"], 384)
    require(n[0] >= 0x80 and n[-1] & 1 == 1, "an even n, or one of another length", "bad-key")
    require(card["id"] == issuing_key_id(n), "another id")
    require(_time(card["denomination"]) > 0, "no units")
    not_before, not_after, expires = (_time(card[name]) for name in ("notBefore", "notAfter", "expires"))
    require(not_after - not_before >= LEAST_ISSUING and expires >= not_after, "times out of order")


def _check_revocation(entry: Json, ids: list[str]) -> None:
    require(entry["id"] in ids, "a revoked key is not named")
    require(entry["reason"] in ("leaked", "lost"), "no reason")
    if entry["reason"] == "leaked":
        require(_time(entry["activateUntil"]) >= _time(entry["time"]), "activateUntil before time")
    else:
        _time(entry["time"])


def _time(value: object) -> int:
    require(isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_U32, "not a u32")
    return int(str(value))


def _revocation(json: Json, key: str) -> Json | None:
    return next((entry for entry in json.get("revoked", []) if entry["id"] == key), None)


def _is_live(json: Json, card: Json, time: int) -> bool:
    revocation = _revocation(json, card["id"])
    is_ended = revocation is not None and time >= revocation["time"]
    return bool(card["notBefore"] <= time < card["notAfter"] and not is_ended)


def live_keys(document: Document, time: int) -> list[str]:
    """The ids of the keys under which cards are issued, in the order of the document."""
    return [card["id"] for card in document.json["cards"] if _is_live(document.json, card, time)]


def statement_keys(document: Document, time: int) -> list[bytes]:
    """The keys under which a statement that names this time may be signed, oldest first."""
    statement = document.json["statement"]
    earlier = [entry["key"] for entry in statement.get("earlier", []) if time < entry["until"]]
    return [decode_base64url(key, 32) for key in [*earlier, statement["key"]]]


def check_successor(pinned: Document, following: Document, held: list[str]) -> None:
    """`bad-document` unless a wallet that has pinned one, and holds cards of these keys, takes the other."""
    if following.digest == pinned.digest:
        return
    old, new = pinned.json, following.json
    _require(new["origin"] == old["origin"], "another origin")
    past = [*old["previous"], pinned.digest]
    _require(new["previous"][:len(past)] == past, "another past")
    entries = {card["id"]: canonical_json(card) for card in new["cards"]}
    for card in old["cards"]:
        now = entries.get(card["id"])
        _require(now is None or now == canonical_json(card), "an entry was altered")
    _require(all(key in entries for key in held), "a key is missing of which the wallet holds cards")
    for entry in old.get("revoked", []):
        now_revoked = _revocation(new, entry["id"])
        if entry["id"] in entries:
            _require(now_revoked is not None and _stands(entry, now_revoked), "a revocation is taken back")
    earlier = old["statement"].get("earlier", [])
    now_earlier = new["statement"].get("earlier", [])
    _require(now_earlier[:len(earlier)] == earlier, "an earlier statement key is dropped or altered")
    named = [new["statement"]["key"], *(entry["key"] for entry in now_earlier)]
    _require(old["statement"]["key"] in named, "the statement key is dropped")


def _stands(old: Json, new: Json) -> bool:
    """The same time; `lost` may become `leaked`, and activateUntil may move."""
    return bool(new["time"] == old["time"] and (old["reason"] == "lost" or new["reason"] == "leaked"))


def _require(condition: bool, message: str) -> None:
    require(condition, message, "bad-document")
