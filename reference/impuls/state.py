"""Sections 6.2 to 6.4: the state of one card, what a new claim does to it, and the life of a claim.

A plain model: one object a card, one method an event. The tag of a claim has been verified before.
"""

from dataclasses import dataclass, field

from .card import walk_down
from .claim import stream_proof
from .generators import output_at
from .hkdf import equal

GAPS_MAX = 64
SKIPPED_UNITS_MAX = 4096
SKIPPED_STEPS_MAX = 64


@dataclass(frozen=True)
class Gap:
    """chain: nobody holds (start, to]; secret = w_to. stream: step `to`, skipped; secret = o_to."""

    start: int
    to: int
    secret: bytes


@dataclass(frozen=True)
class NewClaim:
    """A claim whose tag holds. digest_holds: the body is the one of its digest, or there is none."""

    tag: bytes
    end: int
    units: int
    proof: bytes
    price: int = 1
    now: int = 0
    challenge_expires: int = 1
    digest_holds: bool = True


@dataclass
class Record:
    """A claim that was accepted. held: the units it holds now (fewer than claimed after a capture)."""

    end: int
    units: int
    proof: bytes
    held: int
    status: str = "pending"                     # pending → settled | released


class Refusal(Exception):
    """A verdict other than accepted; holder is the tag of the claim in the way, on conflict only."""

    def __init__(self, verdict: str, holder: bytes = b"") -> None:
        super().__init__(verdict)
        self.verdict = verdict
        self.holder = holder


@dataclass
class Card:
    """What both protocols share. Subclasses say which units a claim takes, and what returns."""

    units: int
    expires: int
    tip: bytes
    spent: int = 0
    top: int = 0
    gaps: list[Gap] = field(default_factory=list)
    records: dict[bytes, Record] = field(default_factory=dict)

    def claim(self, claim: NewClaim) -> tuple[str, bytes]:
        """The verdict, and on conflict the holder's tag. Nothing changes unless the verdict is accepted."""
        try:
            self._check(claim)
            self._take(claim)
        except Refusal as refusal:
            return refusal.verdict, refusal.holder
        self.records[claim.tag] = Record(claim.end, claim.units, claim.proof, claim.units)
        return "accepted", b""

    def _check(self, claim: NewClaim) -> None:
        """Section 6.4, from the known claim to the digest."""
        if claim.tag in self.records:
            status = self.records[claim.tag].status
            raise Refusal({"pending": "in-progress", "settled": "repeated", "released": "released"}[status])
        if claim.now >= self.expires:
            raise Refusal("expired")
        if claim.now >= claim.challenge_expires:
            raise Refusal("expired")
        if claim.units < claim.price:
            raise Refusal("insufficient")
        if not claim.digest_holds:
            raise Refusal("mismatched")

    def _check_gaps(self, after: int) -> None:
        """Past the limit, where releases may lead, a claim passes that makes no more gaps: a way back."""
        if after > GAPS_MAX and after > len(self.gaps):
            raise Refusal("crowded")

    def settle(self, tag: bytes) -> None:
        self._finish(tag, "settled")

    def release(self, tag: bytes) -> None:
        """The claim holds nothing any more. Never refused, whatever the number of gaps."""
        record = self._finish(tag, "released")
        self._give_back(record, 0)

    def capture(self, tag: bytes, kept: int) -> None:
        """Settles the claim with `kept` of its units, 1 ≤ kept ≤ units. Never refused."""
        record = self._finish(tag, "settled")
        if kept < record.units:
            self._give_back(record, kept)

    def _finish(self, tag: bytes, status: str) -> Record:
        record = self.records[tag]
        if record.status != "pending":
            raise ValueError("a claim ends once")
        record.status = status
        return record

    def _take(self, claim: NewClaim) -> None:
        raise NotImplementedError

    def _give_back(self, record: Record, kept: int) -> None:
        raise NotImplementedError


@dataclass
class ChainCard(Card):
    """units = N; tip = w_top. Always spent = top - Σ(to - from)."""

    salt: bytes = b""

    def _take(self, claim: NewClaim) -> None:
        low, end = claim.end - claim.units, claim.end
        gap = self._free_gap(low, end)
        if end > self.units:
            raise Refusal("insufficient")
        gaps = [other for other in self.gaps if other is not gap]
        start = gap.start if gap else self.top
        below, above = start < low, gap is not None and end < gap.to
        if low - self.top > SKIPPED_UNITS_MAX:
            raise Refusal("crowded")
        self._check_gaps(len(gaps) + below + above)
        if end > self.top:
            self._check_link(end, claim.proof, self.top, self.tip)
            self.top, self.tip = end, claim.proof
        elif gap:
            self._check_link(gap.to, gap.secret, end, claim.proof)
        if below:
            gaps.append(Gap(start, low, self._link(end, claim.proof, low)))
        if gap and above:
            gaps.append(Gap(end, gap.to, gap.secret))
        self._set_gaps(gaps)

    def _free_gap(self, low: int, end: int) -> Gap | None:
        """The gap that holds (low, end], or its part up to `top`. None: all lies beyond `top`."""
        for gap in self.gaps:
            if gap.start <= low and (end <= gap.to or gap.to == self.top):
                return gap
        if low < self.top:
            raise Refusal("conflict", self._holder(low, end))
        return None

    def _link(self, index: int, link: bytes, to: int) -> bytes:
        return walk_down(self.salt, index, link, to)

    def _check_link(self, index: int, link: bytes, to: int, expected: bytes) -> None:
        if not equal(self._link(index, link, to), expected):
            raise Refusal("forged")

    def _holder(self, low: int, end: int) -> bytes:
        """The tag of the claim that holds the highest of these units; empty if its record is purged."""
        held = {}
        for tag, record in self.records.items():
            bottom = record.end - record.units
            overlap = min(end, bottom + record.held)
            if max(low, bottom) < overlap:
                held[overlap] = tag
        return held[max(held)] if held else b""

    def _give_back(self, record: Record, kept: int) -> None:
        record.held = kept
        self._set_gaps([*self.gaps, Gap(record.end - record.units + kept, record.end, record.proof)])

    def _set_gaps(self, gaps: list[Gap]) -> None:
        """Ascending, and merged where they touch: the link of the upper one stays."""
        merged: list[Gap] = []
        for gap in sorted(gaps, key=lambda item: item.to):
            if merged and merged[-1].to == gap.start:
                gap = Gap(merged.pop().start, gap.to, gap.secret)
            merged.append(gap)
        self.gaps = merged
        self.spent = self.top - sum(gap.to - gap.start for gap in merged)


@dataclass
class StreamCard(Card):
    """tip = the generator's state after step `top`."""

    generator: int = 0

    def _take(self, claim: NewClaim) -> None:
        step = claim.end
        skipped = next((gap for gap in self.gaps if gap.to == step), None)
        if step <= self.top and skipped is None:
            raise Refusal("conflict", self._holder(step))
        if self.spent + claim.units > self.units:
            raise Refusal("insufficient")
        if skipped:
            self._check_coin(skipped.secret, claim.proof)
            self.gaps.remove(skipped)
        else:
            self._leap(step, claim.proof)
        self.spent += claim.units

    def _leap(self, step: int, proof: bytes) -> None:
        leapt = step - self.top - 1
        if leapt > SKIPPED_STEPS_MAX:
            raise Refusal("crowded")
        self._check_gaps(len(self.gaps) + leapt)
        gaps, tip = [], self.tip
        for skipped in range(self.top + 1, step):
            tip, output = output_at(self.generator, tip, 1)
            gaps.append(Gap(skipped - 1, skipped, output))
        tip, output = output_at(self.generator, tip, 1)
        self._check_coin(output, proof)
        self.gaps, self.top, self.tip = [*self.gaps, *gaps], step, tip

    def _check_coin(self, output: bytes, proof: bytes) -> None:
        if not equal(stream_proof(output), proof):
            raise Refusal("forged")

    def _holder(self, step: int) -> bytes:
        """Also of a burned step: its claim was released, and the step is not to be had again."""
        return next((tag for tag, record in self.records.items() if record.end == step), b"")

    def _give_back(self, record: Record, kept: int) -> None:
        """The step stays burned."""
        self.spent -= record.units - kept
        record.held = kept
