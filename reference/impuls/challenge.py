"""Section 8: the id of a challenge, and the request that it carries."""

from typing import Any

from .encoding import canonical_json, encode_base64url
from .errors import require
from .hkdf import equal, hmac_sha256

SLOTS = ("realm", "method", "intent", "request", "expires", "digest", "opaque")


def challenge_id(secret: bytes, slots: dict[str, str]) -> str:
    """b64url of the HMAC over the seven slots, joined by `|`; an absent slot is empty."""
    require(slots.keys() <= set(SLOTS), "no such slot")
    for name in ("realm", "opaque"):
        require("|" not in slots.get(name, ""), f"{name} holds a |")
    joined = "|".join(slots.get(name, "") for name in SLOTS)
    return encode_base64url(hmac_sha256(secret, joined.encode()))


def verify_challenge(secret: bytes, slots: dict[str, str], identifier: str) -> bool:
    return equal(challenge_id(secret, slots).encode(), identifier.encode())


def format_request(request: dict[str, Any]) -> str:
    """The auth-param `request`: b64url of canonical JSON."""
    return encode_base64url(canonical_json(request))
