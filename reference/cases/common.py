"""How a case is written down: bytes become hex, a refusal becomes the name of its error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from impuls.errors import ImpulsError
from impuls.hkdf import hmac_sha256

Case = dict[str, Any]
ISSUING_KEY = json.loads((Path(__file__).parent / "issuing-key.json").read_text())


def fixed(label: str, length: int = 32) -> bytes:
    """Bytes that look random and are the same in every run."""
    blocks = (hmac_sha256(label.encode(), bytes([counter])) for counter in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def plain(value: Any) -> Any:
    """For JSON: bytes in hex, tuples as lists."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def flip(data: bytes, position: int) -> bytes:
    """The same bytes with the lowest bit of one of them flipped."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def case(op: str, name: str, given: dict[str, Any], run: Callable[[], dict[str, Any]]) -> Case:
    """Runs the reference; the case holds what it returns, or the code with which it refuses."""
    written = {"name": name, "op": op, "in": plain(given)}
    try:
        return written | {"out": plain(run())}
    except ImpulsError as error:
        return written | {"error": error.code}


def holds(result: bool, code: str) -> dict[str, Any]:
    """A verification: {"holds": true}, or a refusal with this code."""
    if not result:
        raise ImpulsError(code, "does not hold")
    return {"holds": True}
