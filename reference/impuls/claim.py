"""Section 6.1: a claim, its transcript, its tag and the keys that it leaves. Section 8: its payload."""

from collections.abc import Mapping
from dataclasses import dataclass

from .card import CHAIN, STREAM
from .encoding import MAX_U32, decode_base64url, field, parse_decimal, parse_json, u8, u32
from .errors import require
from .hkdf import equal, expand, extract, mac, sha256

SEAL = b"aes128gcm"
_PROTOCOLS = {"chain": CHAIN, "stream": STREAM}
_REQUIRED = {"action", "card", "protocol", "end", "units", "nonce", "proof", "tag"}
_OPTIONAL = {"digest", "seal"}


@dataclass(frozen=True)
class Claim:
    """card 16 bytes, nonce 16, proof 32 (chain) or 16 (stream)."""

    card: bytes
    protocol: int
    end: int
    units: int
    nonce: bytes
    proof: bytes


@dataclass(frozen=True)
class Request:
    """What the tag binds a claim to. `digest` is H(body), or empty without a body."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    digest: bytes
    challenge: str
    sealed: bool
    action: str = "pay"


@dataclass(frozen=True)
class PaymentKeys:
    """K and what follows from it. The reference (12 bytes) and the fingerprint (4) are not secret."""

    payment: bytes
    seal: bytes
    reference: bytes
    fingerprint: bytes


def check_claim(claim: Claim) -> None:
    """The bounds that need no card: N is the state's to know (state.py)."""
    require(len(claim.card) == 16 and len(claim.nonce) == 16, "card and nonce have 16 bytes")
    require(1 <= claim.end <= MAX_U32 and 1 <= claim.units <= MAX_U32, "end and units: 1 to 2^32 - 1")
    require(claim.protocol in (CHAIN, STREAM), "no such protocol")
    require(len(claim.proof) == (32 if claim.protocol == CHAIN else 16), "a proof has 32 bytes (stream: 16)")
    if claim.protocol == CHAIN:
        require(claim.units <= claim.end, "chain: units ≤ end")


def stream_proof(output: bytes) -> bytes:
    """The coin, 16 bytes, of o_end."""
    return sha256(b"impuls/1 coin" + output)[:16]


def format_transcript(claim: Claim, request: Request) -> bytes:
    """Every text is UTF-8. Headers are in the order of the challenge: lower case, sorted."""
    parts = [
        field(request.action.encode()),
        field(request.method.encode()),
        field(request.target.encode()),
        u32(len(request.headers)),
    ]
    for name, value in request.headers:
        parts += [field(name.encode()), field(value.encode())]
    parts += [
        field(request.digest),
        field(request.challenge.encode()),
        field(SEAL if request.sealed else b""),
        claim.card,
        u8(claim.protocol),
        u32(claim.end),
        u32(claim.units),
        claim.nonce,
        field(claim.proof),
    ]
    return b"".join(parts)


def claim_tag(auth: bytes, transcript: bytes) -> bytes:
    """16 bytes, under A."""
    return mac(auth, b"impuls/1 tag", transcript)


def verify_tag(auth: bytes, transcript: bytes, tag: bytes) -> bool:
    return equal(claim_tag(auth, transcript), tag)


def derive_payment_keys(pay: bytes, ikm: bytes, units: int, nonce: bytes) -> PaymentKeys:
    """ikm is w_end (chain) or o_end (stream), both 32 bytes."""
    require(len(ikm) == 32 and len(nonce) == 16, "ikm has 32 bytes, the nonce 16")
    key = extract(pay, ikm + u32(units) + nonce)
    return PaymentKeys(
        key,
        expand(key, "impuls/1 seal", 32),
        expand(key, "impuls/1 reference", 12),
        expand(key, "impuls/1 fingerprint", 4),
    )


def parse_payload(text: str) -> tuple[Claim, bytes, bytes, bool]:
    """The payload of a credential (JSON): claim, tag, digest (or empty), whether a seal is asked for."""
    payload = parse_json(text)
    require(isinstance(payload, Mapping), "a payload is an object")
    require(_REQUIRED <= payload.keys() <= _REQUIRED | _OPTIONAL, "a member is missing or unknown")
    require(all(isinstance(value, str) for value in payload.values()), "every member is text")
    require(payload["action"] == "pay" and payload["protocol"] in _PROTOCOLS, "no such action or protocol")
    require(payload.get("seal", "aes128gcm") == "aes128gcm", "no such seal")
    protocol = _PROTOCOLS[payload["protocol"]]
    claim = Claim(
        decode_base64url(payload["card"], 16),
        protocol,
        parse_decimal(payload["end"]),
        parse_decimal(payload["units"]),
        decode_base64url(payload["nonce"], 16),
        decode_base64url(payload["proof"], 32 if protocol == CHAIN else 16),
    )
    check_claim(claim)
    tag = decode_base64url(payload["tag"], 16)
    digest = decode_base64url(payload["digest"], 32) if "digest" in payload else b""
    return claim, tag, digest, "seal" in payload
