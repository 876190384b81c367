"""Section 3, stream: the two generators. Each turns a state into the next one and an output of 32 bytes."""

from . import chacha20
from .errors import ImpulsError, require
from .hkdf import hmac_sha256

CHACHA20 = 0x01
HMAC_DRBG = 0x02
PERSONALIZATION = b"impuls/1 stream"


def chacha20_step(state: bytes) -> tuple[bytes, bytes]:
    """The state (32 bytes) is the key of one block: first the next state, then the output."""
    block = chacha20.block(state, 0, bytes(12))
    return block[:32], block[32:]


def drbg_update(key: bytes, value: bytes, provided: bytes) -> tuple[bytes, bytes]:
    """SP 800-90A section 10.1.2.2."""
    key = hmac_sha256(key, value + b"\x00" + provided)
    value = hmac_sha256(key, value)
    if provided:
        key = hmac_sha256(key, value + b"\x01" + provided)
        value = hmac_sha256(key, value)
    return key, value


def drbg_instantiate(entropy: bytes, nonce: bytes, personalization: bytes) -> tuple[bytes, bytes]:
    """SP 800-90A section 10.1.2.3: Key and V."""
    return drbg_update(bytes(32), b"\x01" * 32, entropy + nonce + personalization)


def drbg_generate(key: bytes, value: bytes, length: int) -> tuple[bytes, bytes, bytes]:
    """SP 800-90A section 10.1.2.5 without additional input: Key and V after it, and the output."""
    output = b""
    while len(output) < length:
        value = hmac_sha256(key, value)
        output += value
    key, value = drbg_update(key, value, b"")
    return key, value, output[:length]


def initial_state(generator: int, g0: bytes, nonce: bytes = b"") -> bytes:
    """The state before step 1: g_0 itself, or Key ‖ V (64 bytes)."""
    require(len(g0) == 32, "g_0 has 32 bytes")
    if generator == CHACHA20:
        require(nonce == b"", "chacha20 has no nonce")
        return g0
    if generator == HMAC_DRBG:
        require(len(nonce) == 16, "the nonce of hmac-drbg has 16 bytes")
        return b"".join(drbg_instantiate(g0, nonce, PERSONALIZATION))
    raise ImpulsError("malformed", "no such generator")


def step(generator: int, state: bytes) -> tuple[bytes, bytes]:
    """The next state and the output."""
    if generator == CHACHA20:
        require(len(state) == 32, "a state of chacha20 has 32 bytes")
        return chacha20_step(state)
    if generator == HMAC_DRBG:
        require(len(state) == 64, "a state of hmac-drbg has 64 bytes")
        key, value, output = drbg_generate(state[:32], state[32:], 32)
        return key + value, output
    raise ImpulsError("malformed", "no such generator")


def output_at(generator: int, state: bytes, steps: int) -> tuple[bytes, bytes]:
    """The state and the output after `steps` (at least 1) more steps."""
    require(steps >= 1, "at least one step")
    output = b""
    for _ in range(steps):
        state, output = step(generator, state)
    return state, output
