"""vectors/state.json"""

from collections.abc import Callable, Iterator

from .common import Case
from .scenario import CHALLENGE_EXPIRES, EXPIRES, ChainScenario, Scenario, StreamScenario

ABOUT = (
    "Sections 6.2 to 6.4: steps over one card, the verdict of each claim and the state after each step. A "
    "gap is [from, to, its link or output]. The tags are taken to hold; in.state is the state at the start."
)


def _chain() -> Iterator[Scenario]:
    yield ChainScenario("one unit after the other, to the last", 3).play(
        "claim a 1 1; claim b 2 1; claim c 3 1; claim d 4 1"
    )
    yield ChainScenario("all units at once", 5000).play("claim a 5000 5000")
    yield ChainScenario("many units in a claim", 100).play("claim a 30 30; claim b 60 30; claim c 100 40")
    yield ChainScenario("out of order: a leap, then its gap", 100).play("claim a 10 3; claim b 7 7")
    yield ChainScenario("a gap is filled from below", 100).play("claim a 10 2; claim b 3 3; claim c 8 5")
    yield ChainScenario("a gap is filled from above", 100).play("claim a 10 2; claim b 8 3; claim c 5 5")
    yield ChainScenario("a gap is filled from the middle", 100).play(
        "claim a 10 2; claim b 5 2; claim c 8 3; claim d 3 3"
    )
    yield ChainScenario("two leaps", 100).play("claim a 10 2; claim b 20 2; claim c 18 8; claim d 8 8")

    yield ChainScenario("released at the top: the top stays", 100).play("claim a 5 5; claim b 8 3; release b")
    yield ChainScenario("released in the middle", 100).play(
        "claim a 5 5; claim b 8 3; claim c 9 1; release b"
    )
    yield ChainScenario("released gaps merge with those below and above", 100).play(
        "claim a 4 2; claim b 6 2; claim c 10 2; claim d 11 1; release b; release a; release c"
    )
    yield ChainScenario("all released: nothing is spent", 100).play(
        "claim a 2 2; claim b 4 2; release a; release b; claim c 4 4"
    )
    yield ChainScenario("released top, then a claim across it", 100).play(
        "claim a 5 5; claim b 8 3; release b; claim c 10 5"
    )
    yield ChainScenario("released top, then a claim across a part of it", 100).play(
        "claim a 5 5; claim b 8 3; release b; claim c 10 4"
    )
    yield ChainScenario("released top, then a leap beyond it: the gap grows", 100).play(
        "claim a 5 5; claim b 8 3; release b; claim c 12 2"
    )
    yield ChainScenario("released top, then a claim that begins at the top", 100).play(
        "claim a 5 5; claim b 8 3; release b; claim c 10 2"
    )
    yield ChainScenario("released top, then a claim of its upper end", 100).play(
        "claim a 5 5; claim b 8 3; release b; claim c 8 1"
    )
    yield ChainScenario("released units go to another claim", 100).play("claim a 5 5; release a; claim b 5 5")

    yield ChainScenario("capture at the top", 100).play("claim a 10 10; capture a 4; claim b 10 6")
    yield ChainScenario("capture in the middle", 100).play("claim a 10 8; claim b 12 2; capture a 1")
    yield ChainScenario("capture merges with the gap above", 100).play(
        "claim a 5 5; claim b 9 2; capture a 3"
    )
    yield ChainScenario("capture of all units", 100).play("claim a 10 10; capture a 10")
    yield ChainScenario("capture, then a leap", 100).play("claim a 10 10; capture a 4; claim b 13 1")

    yield from _chain_refusals()
    yield from _chain_limits()


def _chain_refusals() -> Iterator[Scenario]:
    yield ChainScenario("conflict: the same units", 100).play("claim a 5 5; claim b 5 5")
    yield ChainScenario("conflict: one unit of another claim, from above", 100).play(
        "claim a 5 5; claim b 7 3"
    )
    yield ChainScenario("conflict: one unit of another claim, from below", 100).play(
        "claim a 10 3; claim b 8 3"
    )
    yield ChainScenario("conflict: a claim between two halves of a gap", 100).play(
        "claim a 10 1; claim b 5 1; claim c 9 9"
    )
    yield ChainScenario("conflict: also with a settled claim", 100).play("claim a 5 5; settle a; claim b 3 1")
    yield ChainScenario("conflict: with what a capture kept, not with the rest", 100).play(
        "claim a 10 10; capture a 4; claim b 5 2; claim c 6 2"
    )
    yield ChainScenario("conflict: also when the proof is forged", 100).play("claim a 5 5; forge b 5 5")

    yield ChainScenario("insufficient: an end beyond N", 10).play("claim a 11 1; claim b 10 10; claim c 11 1")
    yield ChainScenario("insufficient: below the price", 100).claim("a", 2, 2, price=3).claim(
        "b", 3, 3, price=3
    )
    yield ChainScenario("more than the price: what a capture gives back", 100).claim("a", 5, 5, price=3).play(
        "capture a 3"
    )

    yield ChainScenario("forged: beyond the top", 100).play("claim a 5 5; forge b 7 2")
    yield ChainScenario("forged: the first claim", 100).play("forge a 5 5; claim a 5 5")
    yield ChainScenario("forged: inside a gap", 100).play("claim a 10 1; forge b 5 1")
    yield ChainScenario("forged: at the end of a gap", 100).play("claim a 10 1; forge b 9 1")
    yield ChainScenario("forged: across a released top", 100).play("claim a 5 5; release a; forge b 7 7")

    yield from _known_and_expired(lambda name: ChainScenario(name, 100))


def _known_and_expired(make: Callable[[str], Scenario]) -> Iterator[Scenario]:
    """What does not depend on the protocol: replays, expiries, price and digest."""
    yield make("a replay while pending").play("claim a 5 5; claim a 5 5")
    yield make("a replay when settled").play("claim a 5 5; settle a; claim a 5 5")
    yield make("a replay when captured").play("claim a 5 5; capture a 2; claim a 5 5")
    yield make("a replay when released").play("claim a 5 5; release a; claim a 5 5")
    yield make("a replay after the card has expired").play(
        "claim a 5 5; settle a"
    ).claim("a", 5, 5, now=EXPIRES + 9)
    yield make("a replay after the price has risen").play("claim a 5 5; settle a").claim("a", 5, 5, price=6)
    yield make("expired: the card").claim("a", 5, 5, now=EXPIRES + 1, challenge_expires=EXPIRES + 300)
    yield make("expired: the challenge").claim("a", 5, 5, now=CHALLENGE_EXPIRES + 1)
    yield make("the challenge holds in its last second").claim("a", 5, 5, now=CHALLENGE_EXPIRES - 1)
    yield make("the card holds in its last second").claim(
        "a", 5, 5, now=EXPIRES - 1, challenge_expires=EXPIRES + 300
    )
    yield make("order: expired before insufficient").claim("a", 2, 2, now=CHALLENGE_EXPIRES + 1, price=3)
    yield make("order: insufficient before mismatched").claim("a", 2, 2, price=3, digest_holds=False)
    yield make("order: mismatched before forged").claim("a", 2, 2, digest_holds=False, forged=True)
    yield make("mismatched").claim("a", 2, 2, digest_holds=False).play("claim b 2 2")


def _chain_limits() -> Iterator[Scenario]:
    yield ChainScenario("4096 skipped units are not too many", 5000).play("claim a 4097 1")
    yield ChainScenario("crowded: 4097 skipped units", 5000).play("claim a 4098 1; claim b 4097 1")
    yield ChainScenario("4096 skipped units above a top of 100", 5000).play(
        "claim a 100 100; claim b 4697 501"
    )
    yield ChainScenario("paying many units is not skipping", 5000).play("claim a 5000 4999")

    gaps = [(number, number + 1) for number in range(0, 126, 2)]
    yield ChainScenario("the 64th gap, and the 65th", 5000, 126, gaps).play(
        "claim a 130 1; claim b 140 1; claim c 131 1"
    )
    wide = [(number * 10, number * 10 + 9) for number in range(64)]
    yield ChainScenario("crowded: a gap is split in two when there are 64", 5000, 640, wide).play(
        "claim a 15 1; claim b 19 1; claim c 18 8; claim d 25 1"
    )
    yield ChainScenario("with 64 gaps a leap from a released top is not crowded", 5000, 639, wide).play(
        "claim a 700 1"
    )
    yield ChainScenario("a release past the limit", 5000, 640, wide).play(
        "claim a 642 2; claim b 644 2; release a; claim c 649 2"
    )
    past = [(number * 10, number * 10 + 9) for number in range(66)]
    yield ChainScenario("past the limit a claim passes that makes no more gaps", 5000, 660, past).play(
        "claim a 9 9; claim b 15 5; claim c 29 1; claim d 661 1; claim e 661 1"
    )
    yield ChainScenario("crowded: past the limit a claim makes one gap more", 5000, 660, past).play(
        "claim a 5 1; claim b 662 1; claim c 659 1"
    )


def _stream(generator: str) -> Iterator[Scenario]:
    def make(name: str, units: int = 100) -> StreamScenario:
        return StreamScenario(name, generator, units)

    yield make("step after step, to the last unit").play(
        "claim a 1 30; claim b 2 30; claim c 3 40; claim d 4 1"
    )
    yield make("more units than the step's number").play("claim a 1 100")
    yield make("skipped steps, then the skipped ones").play(
        "claim a 4 1; claim b 2 2; claim c 1 3; claim d 3 4; claim e 5 5"
    )
    yield make("two leaps: steps do not merge").play("claim a 3 1; claim b 6 1; claim c 2 1")
    yield make("released: the step is burned, the units return").play(
        "claim a 1 60; claim b 2 60; release a; claim c 1 60; claim d 2 60"
    )
    yield make("released: a skipped step is burned too").play(
        "claim a 3 1; claim b 2 10; release b; claim c 2 1"
    )
    yield make("capture").play("claim a 1 60; capture a 20; claim b 2 80; claim c 3 1")
    yield make("capture of all units").play("claim a 1 60; capture a 60")

    yield make("conflict: the same step").play("claim a 1 1; claim b 1 1")
    yield make("conflict: a step below the top").play("claim a 1 1; claim b 2 1; settle a; claim c 1 2")
    yield make("conflict: also when the proof is forged").play("claim a 1 1; forge b 1 1")
    yield make("insufficient: beyond the balance").play("claim a 1 60; claim b 2 41; claim c 2 40")
    yield make("insufficient: on a skipped step").play("claim a 2 60; claim b 1 41; claim c 1 40")
    yield make("insufficient: below the price").claim("a", 1, 2, price=3).claim("b", 1, 3, price=3)
    yield make("forged: beyond the top").play("claim a 1 1; forge b 2 1; claim c 2 1")
    yield make("forged: beyond skipped steps, which stay unknown").play("forge a 5 1; claim b 1 1")
    yield make("forged: a skipped step").play("claim a 2 1; forge b 1 1; claim c 1 1")


def _stream_limits(generator: str) -> Iterator[Scenario]:
    yield StreamScenario("64 skipped steps are not too many", generator, 100).play(
        "claim a 65 1; claim b 66 1"
    )
    yield StreamScenario("crowded: 65 skipped steps", generator, 100).play("claim a 66 1; claim b 65 1")
    yield StreamScenario("crowded: the 65th gap", generator, 100).play(
        "claim a 61 1; claim b 67 1; claim c 66 1; claim d 68 1; claim e 7 1; claim f 68 1"
    )


def cases() -> Iterator[Case]:
    for scenario in _chain():
        yield scenario.case()
    for generator in ("chacha20", "hmac-drbg"):
        for scenario in _stream(generator):
            yield scenario.case()
    for scenario in _known_and_expired(lambda name: StreamScenario(name, "chacha20", 100)):
        yield scenario.case()
    for scenario in _stream_limits("chacha20"):
        yield scenario.case()
