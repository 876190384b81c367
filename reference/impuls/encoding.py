"""Section 1: integers, fields, base64url and JSON."""

import base64
import binascii
import json
import re
from typing import Any

from .errors import ImpulsError, require

MAX_U32 = 2**32 - 1


def u8(value: int) -> bytes:
    require(0 <= value <= 0xFF, "not a u8")
    return value.to_bytes(1, "big")


def u32(value: int) -> bytes:
    require(0 <= value <= MAX_U32, "not a u32")
    return value.to_bytes(4, "big")


def field(value: bytes) -> bytes:
    """The length as u32, then the bytes."""
    return u32(len(value)) + value


def encode_base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode_base64url(text: str, length: int | None = None) -> bytes:
    """Accepts the canonical form only: the alphabet of RFC 4648 section 5, no padding, unused bits zero."""
    require(re.fullmatch(r"[A-Za-z0-9_-]*", text) is not None and len(text) % 4 != 1, "not base64url")
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ImpulsError("malformed", "not base64url") from error
    require(encode_base64url(value) == text, "base64url is not canonical")
    require(length is None or len(value) == length, f"expected {length} bytes")
    return value


def parse_decimal(text: object) -> int:
    """A decimal of section 8: no sign, no leading zero, at least 1, below 2^32."""
    require(isinstance(text, str) and re.fullmatch(r"[1-9][0-9]{0,9}", text) is not None, "not a decimal")
    value = int(str(text))
    require(value <= MAX_U32, "decimal beyond 2^32 - 1")
    return value


def canonical_json(value: Any) -> bytes:
    """RFC 8785 for objects, lists, strings, integers and booleans: impuls has no other numbers.

    Members are sorted by UTF-16 code units. `ensure_ascii=False` escapes just what RFC 8785 escapes.
    """

    def ordered(node: Any) -> Any:
        if isinstance(node, dict):
            names = sorted(node, key=lambda name: name.encode("utf-16-be"))
            return {name: ordered(node[name]) for name in names}
        if isinstance(node, list):
            return [ordered(item) for item in node]
        require(not isinstance(node, float), "no fractions in impuls")
        return node

    return json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def parse_json(text: str | bytes) -> Any:
    """Refuses an object that names a member twice, and NaN and Infinity."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        require(len(members) == len(pairs), "a member is named twice")
        return members

    def no_constant(name: str) -> Any:
        raise ImpulsError("malformed", f"{name} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise ImpulsError("malformed", "not JSON") from error
