"""X25519 (RFC 7748). Not constant time: for vectors only."""

from .errors import require

_P = 2**255 - 19
BASE_POINT = (9).to_bytes(32, "little")


def _scalar(data: bytes) -> int:
    value = bytearray(data)
    value[0] &= 248
    value[31] &= 127
    value[31] |= 64
    return int.from_bytes(value, "little")


def x25519(scalar: bytes, point: bytes = BASE_POINT) -> bytes:
    """Section 5, the Montgomery ladder: 32-byte scalar and u-coordinate, 32-byte u-coordinate out."""
    require(len(scalar) == 32 and len(point) == 32, "X25519 takes 32 bytes")
    k, x1 = _scalar(scalar), int.from_bytes(point, "little") % 2**255 % _P
    x2, z2, x3, z3, swapped = 1, 0, x1, 1, 0
    for position in range(254, -1, -1):
        bit = k >> position & 1
        if swapped != bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % _P, b * b % _P, d * a % _P, c * b % _P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % _P, x1 * (da - cb) ** 2 % _P
        x2, z2 = aa * bb % _P, e * (aa + 121665 * e) % _P
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, _P - 2, _P) % _P).to_bytes(32, "little")
