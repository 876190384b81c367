"""Writes vectors/*.json. With --check it only compares, and exits with 1 if a file is another."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cases import (
    activation_cases, blind_cases, card_cases, chain_cases, challenge_cases, claim_cases, document_cases,
    generators_cases, receipt_cases, seal_cases, state_cases, voucher_cases,
)

COLUMNS = 110
VECTORS = Path(__file__).resolve().parent.parent / "vectors"
FILES = {
    "activation": activation_cases,
    "blind": blind_cases,
    "card": card_cases,
    "chain": chain_cases,
    "challenge": challenge_cases,
    "claim": claim_cases,
    "document": document_cases,
    "generators": generators_cases,
    "receipt": receipt_cases,
    "seal": seal_cases,
    "state": state_cases,
    "voucher": voucher_cases,
}


def lay_out(value: Any, indent: int = 0) -> str:
    """JSON with whatever fits in a line on one line."""
    line = json.dumps(value)
    if len(line) + indent <= COLUMNS or not isinstance(value, (dict, list)):
        return line
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {lay_out(item, indent + 1)}" for key, item in value.items()]
    else:
        items = [lay_out(item, indent + 1) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(inner + item for item in items) + "\n" + " " * indent + closing


def make(name: str) -> str:
    """The text of vectors/<name>.json."""
    module = FILES[name]
    cases = list(module.cases())
    names = [case["name"] for case in cases]
    for case in cases:
        refused = case["name"].startswith("refused: ")
        if refused is not ("error" in case):
            raise AssertionError(f"{name}: {case['name']}: {case.get('error', 'accepted')}")
    if len(set(names)) != len(names):
        raise AssertionError(f"{name}: two cases of one name: {max(names, key=names.count)}")
    return lay_out({"about": module.ABOUT, "encoding": "hex", "cases": cases}) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args(arguments).check
    stale = []
    for name in FILES:
        path, text = VECTORS / f"{name}.json", make(name)
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        print("not what the reference makes:", ", ".join(stale), file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
