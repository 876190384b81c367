"""HPKE (RFC 9180), base mode, single shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305."""

from .chacha20 import aead_open, aead_seal
from .errors import require
from .hkdf import expand, extract
from .x25519 import x25519

ENC_BYTES = 32
TAG_BYTES = 16
_KEM_SUITE = b"KEM" + bytes.fromhex("0020")
_HPKE_SUITE = b"HPKE" + bytes.fromhex("0020" "0001" "0003")


def _labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def _labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def _shared_secret(exchanged: bytes, enc: bytes, recipient: bytes) -> bytes:
    """Section 4.1, ExtractAndExpand. Refuses an all-zero exchange (a point of small order), section 7.1.4."""
    require(any(exchanged), "the point has a small order", "bad-seal")
    prk = _labeled_extract(_KEM_SUITE, b"", b"eae_prk", exchanged)
    return _labeled_expand(_KEM_SUITE, prk, b"shared_secret", enc + recipient, 32)


def _key_schedule(shared_secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Section 5.1 in base mode: AEAD key and nonce of the first message."""
    context = (
        b"\x00"
        + _labeled_extract(_HPKE_SUITE, b"", b"psk_id_hash", b"")
        + _labeled_extract(_HPKE_SUITE, b"", b"info_hash", info)
    )
    secret = _labeled_extract(_HPKE_SUITE, shared_secret, b"secret", b"")
    key = _labeled_expand(_HPKE_SUITE, secret, b"key", context, 32)
    return key, _labeled_expand(_HPKE_SUITE, secret, b"base_nonce", context, 12)


def derive_private_key(ikm: bytes) -> bytes:
    """Section 7.1.3, DeriveKeyPair: a private key from 32 random bytes."""
    prk = _labeled_extract(_KEM_SUITE, b"", b"dkp_prk", ikm)
    return _labeled_expand(_KEM_SUITE, prk, b"sk", b"", 32)


def seal(recipient: bytes, info: bytes, aad: bytes, plaintext: bytes, ephemeral: bytes) -> bytes:
    """`enc(32) ‖ ct` under the recipient's public key. `ephemeral`: a private key, fixed in vectors only."""
    enc = x25519(ephemeral)
    shared_secret = _shared_secret(x25519(ephemeral, recipient), enc, recipient)
    key, nonce = _key_schedule(shared_secret, info)
    return enc + aead_seal(key, nonce, plaintext, aad)


def open_sealed(private: bytes, info: bytes, aad: bytes, sealed: bytes) -> bytes:
    """The plaintext, or bad-seal."""
    require(len(sealed) >= ENC_BYTES + TAG_BYTES, "too short", "bad-seal")
    enc, ciphertext = sealed[:ENC_BYTES], sealed[ENC_BYTES:]
    shared_secret = _shared_secret(x25519(private, enc), enc, x25519(private))
    key, nonce = _key_schedule(shared_secret, info)
    return aead_open(key, nonce, ciphertext, aad)
