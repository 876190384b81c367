"""Section 4.1: voucher codes."""

from .errors import require
from .hkdf import hmac_sha256, sha256

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_CHARACTERS = 18


def check_characters(characters: str) -> str:
    """Two characters: the first 10 bits of H("impuls/1 voucher" ‖ the 18 characters), high bits first."""
    value = int.from_bytes(sha256(b"impuls/1 voucher" + characters.encode("ascii"))[:2], "big") >> 6
    return ALPHABET[value >> 5] + ALPHABET[value & 31]


def make_code(characters: str) -> str:
    """The 20 characters of a code from 18 drawn ones."""
    require(len(characters) == RANDOM_CHARACTERS and set(characters) <= set(ALPHABET), "18 characters")
    require(characters[0].isalpha(), "a code begins with a letter")
    return characters + check_characters(characters)


def format_code(code: str) -> str:
    return "-".join(code[index:index + 5] for index in range(0, 20, 5))


def parse_code(text: str) -> str:
    """Ignores case, spaces and dashes; reads O as 0, I and L as 1."""
    require(text.isascii(), "not a voucher code")
    code = text.upper().replace(" ", "").replace("-", "")
    code = code.replace("O", "0").replace("I", "1").replace("L", "1")
    require(len(code) == RANDOM_CHARACTERS + 2 and set(code) <= set(ALPHABET), "not a voucher code")
    require(make_code(code[:RANDOM_CHARACTERS]) == code, "the check characters differ")
    return code


def stored_code(voucher_secret: bytes, code: str) -> bytes:
    """All that the vendor keeps of a code, 32 bytes."""
    return hmac_sha256(voucher_secret, b"impuls/1 voucher" + code.encode("ascii"))
