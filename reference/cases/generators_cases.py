"""vectors/generators.json"""

from collections.abc import Iterator
from typing import Any

from impuls import generators
from impuls.card import derive_stream
from impuls.claim import stream_proof
from impuls.errors import require

from .common import Case, case, fixed

ABOUT = "Section 3, stream: states and outputs of both generators, and the coin (section 6.1) of each output."
NAMES = {1: "chacha20", 2: "hmac-drbg"}
SHOWN = (1, 2, 3, 4, 64, 65, 1000)


def _run(generator: int, seed: bytes) -> dict[str, Any]:
    g0, nonce = derive_stream(seed, generator)
    first = state = generators.initial_state(generator, g0, nonce)
    steps = []
    for number in range(1, max(SHOWN) + 1):
        state, output = generators.step(generator, state)
        if number in SHOWN:
            steps.append({"step": number, "output": output, "coin": stream_proof(output), "state": state})
    return {"g0": g0, "nonce": nonce, "state": first, "steps": steps}


def _step(name: str, label: str, generator: int, state: bytes) -> Case:
    def run() -> dict[str, Any]:
        following, output = generators.step(generator, state)
        return {"output": output, "state": following}

    return case("step", name, {"generator": label, "state": state}, run)


def _name(name: str, number: int) -> Case:
    def run() -> dict[str, Any]:
        require(number in NAMES, "no such generator")
        return {"generator": NAMES[number]}

    return case("generator", name, {"id": number}, run)


def cases() -> Iterator[Case]:
    seeds = {"a seed": fixed("generators seed"), "a seed of zeros": bytes(32)}
    for generator, label in NAMES.items():
        for name, seed in seeds.items():
            given = {"generator": label, "seed": seed}
            yield case("run", f"{label} of {name}", given, lambda g=generator, s=seed: _run(g, s))
        yield _step(f"one step of {label}", label, generator, fixed("state", 32 * generator))
    for number in (1, 2):
        yield _name(f"the generator {number}", number)
    for number in (0, 3, 255):
        yield _name(f"refused: the generator {number}", number)
