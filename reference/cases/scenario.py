"""One card and what happens to it, step by step, for vectors/state.json."""

from collections.abc import Sequence
from typing import Any

from impuls.card import derive_chain, derive_stream, walk_down
from impuls.claim import stream_proof
from impuls.generators import initial_state, step
from impuls.state import Card, ChainCard, Gap, NewClaim, StreamCard

from .common import Case, fixed, flip, plain

EXPIRES = 1_952_000_000
NOW = 1_795_000_000
CHALLENGE_EXPIRES = NOW + 300
GENERATORS = {"chacha20": 1, "hmac-drbg": 2}


def tag_of(name: str) -> bytes:
    """The tag of the claim that a scenario calls so."""
    return fixed("tag " + name, 16)


class Scenario:
    """Collects the steps and what the reference makes of them. The tag of a claim follows from its name."""

    def __init__(self, name: str, card: Card, given: dict[str, Any]) -> None:
        self.name = name
        self.card = card
        self.given = given | {"state": self._state()}
        self.steps: list[dict[str, Any]] = []
        self.results: list[dict[str, Any]] = []

    def claim(self, name: str, end: int, units: int, forged: bool = False, **changes: Any) -> "Scenario":
        proof = self.proof(end)
        proof = flip(proof, 0) if forged else proof
        conditions = {"price": units, "now": NOW, "challenge_expires": CHALLENGE_EXPIRES} | changes
        claim = NewClaim(tag_of(name), end, units, proof, **conditions)
        verdict, holder = self.card.claim(claim)
        self.steps.append({
            "op": "claim",
            "tag": claim.tag,
            "end": end,
            "units": units,
            "proof": claim.proof,
            "price": claim.price,
            "now": claim.now,
            "challengeExpires": claim.challenge_expires,
            "digestHolds": claim.digest_holds,
        })
        result = {"verdict": verdict} | ({"holder": holder} if holder else {})
        self.results.append(result | self._state())
        return self

    def play(self, script: str) -> "Scenario":
        """Steps in words: claim a END UNITS; forge a END UNITS; settle a; release a; capture a KEPT."""
        for sentence in script.split("; "):
            verb, name, *numbers = sentence.split()
            if verb == "forge":
                self.claim(name, *map(int, numbers), forged=True)
            else:
                getattr(self, verb)(name, *map(int, numbers))
        return self

    def settle(self, name: str) -> "Scenario":
        self.card.settle(tag_of(name))
        return self._ended({"op": "settle", "tag": tag_of(name)})

    def release(self, name: str) -> "Scenario":
        self.card.release(tag_of(name))
        return self._ended({"op": "release", "tag": tag_of(name)})

    def capture(self, name: str, kept: int) -> "Scenario":
        self.card.capture(tag_of(name), kept)
        return self._ended({"op": "capture", "tag": tag_of(name), "kept": kept})

    def case(self) -> Case:
        given = self.given | {"steps": self.steps}
        return plain({"name": self.name, "op": "run", "in": given, "out": {"steps": self.results}})

    def proof(self, end: int) -> bytes:
        raise NotImplementedError

    def _ended(self, taken: dict[str, Any]) -> "Scenario":
        self.steps.append(taken)
        self.results.append(self._state())
        return self

    def _state(self) -> dict[str, Any]:
        card = self.card
        return {
            "units": card.units,
            "expires": card.expires,
            "spent": card.spent,
            "top": card.top,
            "tip": card.tip,
            "gaps": [[gap.start, gap.to, gap.secret] for gap in card.gaps],
        }


class ChainScenario(Scenario):
    """A fresh card, or one with this top and these gaps whose claims are settled and purged."""

    def __init__(self, name: str, units: int, top: int = 0, gaps: Sequence[tuple[int, int]] = ()) -> None:
        salt, self.links = derive_chain(fixed("state seed"), units)
        self.salt = salt
        held = [Gap(start, to, self.links[to]) for start, to in gaps]
        spent = top - sum(to - start for start, to in gaps)
        card = ChainCard(units, EXPIRES, self.links[top], spent, top, held, salt=salt)
        super().__init__(f"chain: {name}", card, {"protocol": "chain", "salt": salt})

    def proof(self, end: int) -> bytes:
        """Beyond the last link there is none: any bytes will do."""
        return self.links[end] if end < len(self.links) else fixed(f"no link {end}")

    def claim(self, name: str, end: int, units: int, forged: bool = False, **changes: Any) -> "Scenario":
        super().claim(name, end, units, forged, **changes)
        self._check()
        return self

    def _check(self) -> None:
        """The invariant of section 6.2, and every link against the chain itself."""
        card = self.card
        assert card.spent == card.top - sum(gap.to - gap.start for gap in card.gaps)
        assert card.tip == self.links[card.top]
        assert all(gap.secret == self.links[gap.to] for gap in card.gaps)
        assert all(low.to < high.start for low, high in zip(card.gaps, card.gaps[1:]))
        assert walk_down(self.salt, card.top, card.tip, 0) == self.links[0]


class StreamScenario(Scenario):
    def __init__(self, name: str, generator: str, units: int) -> None:
        number = GENERATORS[generator]
        state = initial_state(number, *derive_stream(fixed("state seed"), number))
        card = StreamCard(units, EXPIRES, state, generator=number)
        self.outputs: list[bytes] = []
        self.next_state, self.number = state, number
        super().__init__(f"{generator}: {name}", card, {"protocol": "stream", "generator": generator})

    def proof(self, end: int) -> bytes:
        while len(self.outputs) < end:
            self.next_state, output = step(self.number, self.next_state)
            self.outputs.append(output)
        return stream_proof(self.outputs[end - 1])
