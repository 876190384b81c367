"""The model of section 6.2 against a set of units: random events, and the invariants after each."""

import random
import unittest

from impuls.card import derive_chain
from impuls.state import Card, ChainCard, Gap, NewClaim, StreamCard

from cases.scenario import StreamScenario

SEED = bytes(32)


def _claim(tag: int, end: int, units: int, proof: bytes) -> NewClaim:
    return NewClaim(tag.to_bytes(16, "big"), end, units, proof)


class Chain(unittest.TestCase):
    def test_random_events_keep_what_is_held_and_what_is_free(self) -> None:
        salt, links = derive_chain(SEED, 300)
        for seed in range(30):
            self._run(random.Random(seed), ChainCard(300, 2, links[0], salt=salt), links)

    def _run(self, draw: random.Random, card: ChainCard, links: list[bytes]) -> None:
        held: dict[bytes, set[int]] = {}
        for tag in range(60):
            end = draw.randint(1, 300)
            units = draw.randint(1, min(end, 20))
            claim = _claim(tag, end, units, links[end])
            wanted = set(range(end - units + 1, end + 1))
            free = not any(wanted & units for units in held.values())
            verdict, holder = card.claim(claim)
            self.assertEqual(verdict, "accepted" if free else "conflict")
            if free:
                held[claim.tag] = wanted
            else:
                self.assertTrue(wanted & held[holder])
            pending = [tag for tag, record in card.records.items() if record.status == "pending"]
            if pending and draw.random() < 0.5:
                ended = draw.choice(pending)
                kept = draw.randint(0, card.records[ended].units)
                card.capture(ended, kept) if kept else card.release(ended)
                held[ended] = set(sorted(held[ended])[:kept])
            self._check(card, links, set().union(*held.values()))

    def _check(self, card: Card, links: list[bytes], held: set[int]) -> None:
        free = {unit for gap in card.gaps for unit in range(gap.start + 1, gap.to + 1)}
        self.assertEqual(free, set(range(1, card.top + 1)) - held)
        self.assertEqual(card.spent, len(held))
        self.assertEqual(card.tip, links[card.top])
        self.assertTrue(all(gap.secret == links[gap.to] and gap.start < gap.to for gap in card.gaps))
        self.assertTrue(all(low.to < high.start for low, high in zip(card.gaps, card.gaps[1:])))

    def test_a_refused_claim_changes_nothing(self) -> None:
        salt, links = derive_chain(SEED, 10)
        card = ChainCard(10, 2, links[8], 5, 8, [Gap(2, 5, links[5])], salt=salt)
        for claim in (_claim(1, 9, 1, bytes(32)), _claim(2, 4, 1, bytes(32)), _claim(3, 11, 1, bytes(32))):
            card.claim(claim)
            self.assertEqual((card.spent, card.top, card.tip), (5, 8, links[8]))
            self.assertEqual((card.gaps, card.records), ([Gap(2, 5, links[5])], {}))

    def test_a_claim_ends_once(self) -> None:
        salt, links = derive_chain(SEED, 10)
        card = ChainCard(10, 2, links[0], salt=salt)
        claim = _claim(1, 5, 5, links[5])
        card.claim(claim)
        card.settle(claim.tag)
        with self.assertRaises(ValueError):
            card.release(claim.tag)


class Stream(unittest.TestCase):
    def test_every_step_is_accepted_once_in_any_order(self) -> None:
        scenario = StreamScenario("any order", "chacha20", 50)
        card = scenario.card
        assert isinstance(card, StreamCard)
        order = list(range(1, 51))
        random.Random(1).shuffle(order)
        for step in order:
            verdict, _ = card.claim(_claim(step, step, 1, scenario.proof(step)))
            self.assertEqual(verdict, "accepted")
        self.assertEqual((card.spent, card.top, card.gaps), (50, 50, []))
        verdict, _ = card.claim(_claim(99, 51, 1, scenario.proof(51)))
        self.assertEqual(verdict, "insufficient")
