"""vectors/voucher.json"""

from collections.abc import Iterator

from impuls.voucher import ALPHABET, check_characters, format_code, make_code, parse_code, stored_code

from .common import Case, case, fixed

ABOUT = "Section 4.1: check characters, the written form, forgiving input, and what the vendor keeps."
SECRET = fixed("voucher secret")


def _drawn(label: str) -> str:
    """18 characters, the first a letter."""
    data = fixed(label, 18)
    letters = ALPHABET[10:]
    return letters[data[0] % len(letters)] + "".join(ALPHABET[byte & 31] for byte in data[1:])


def _make(name: str, characters: str) -> Case:
    return case("make", name, {"characters": characters, "secret": SECRET}, lambda: {
        "code": make_code(characters),
        "written": format_code(make_code(characters)),
        "stored": stored_code(SECRET, make_code(characters)),
    })


def _parse(name: str, text: str) -> Case:
    return case("parse", name, {"text": text}, lambda: {"code": parse_code(text)})


def _with_zero_and_one() -> str:
    """A code that has both 0 and 1 in it, to be written with the letters that are read so."""
    numbers = range(1000)
    return next(c for c in (make_code(_drawn(f"zero and one {n}")) for n in numbers) if "0" in c and "1" in c)


def cases() -> Iterator[Case]:
    for number in range(4):
        yield _make(f"code {number}", _drawn(f"voucher {number}"))
    yield _make("the first letter and zeros", "A" + "0" * 17)
    yield _make("all Z", "Z" * 18)

    code = make_code(_drawn("voucher 0"))
    yield _parse("as written", format_code(code))
    yield _parse("without dashes", code)
    yield _parse("in lower case", format_code(code).lower())
    yield _parse("with spaces", "  " + " ".join(code) + " ")
    mixed = _with_zero_and_one()
    yield _parse("O for 0 and I for 1", mixed.replace("0", "O").replace("1", "I"))
    yield _parse("o for 0 and l for 1", mixed.replace("0", "o").replace("1", "l"))
    wrong = ALPHABET[(ALPHABET.index(code[9]) + 1) % 32]
    yield _parse("refused: one character is another", code[:9] + wrong + code[10:])
    last = ALPHABET[(ALPHABET.index(code[19]) + 1) % 32]
    yield _parse("refused: the last check character is another", code[:19] + last)
    yield _parse("refused: two characters are swapped", code[:4] + code[5] + code[4] + code[6:])
    yield _parse("refused: a character is missing", code[:-1])
    yield _parse("refused: a character too many", code + code[-1])
    yield _parse("refused: the letter U", code[:5] + "U" + code[6:])
    yield _parse("refused: nothing", "")
    yield _parse("refused: only dashes", "-----")
    u_first = "U" + _drawn("voucher 1")[1:]
    u_first += check_characters(u_first)
    yield _parse("refused: the letter U first, with its check characters", u_first)
    yield _parse("refused: a letter that is I in upper case", mixed.replace("1", "\u0131"))
    digits = "7" + _drawn("voucher 1")[1:]
    yield _parse("refused: a digit first, with its check characters", digits + check_characters(digits))
