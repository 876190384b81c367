import { deriveCard, readOpening } from '../../dist/core/card.js';
import { openPostgresLedger } from '../../dist/node/postgres.js';
import { openSqliteLedger } from '../../dist/node/sqlite.js';

/**
 * Pays from eight cards as fast as it can, and prints what the ledger confirmed: `accept`, `settle`, `give-back`, each with
 * card, tag and, where it says so, the units kept; `failed` with what the card is after a refusal.
 *
 * Arguments: the ledger's path or the URL of its database; how many changes it keeps unfolded, or how many seconds its lease
 * lasts; how many refusals it takes before it ends.
 */
const [place, limit, refusals] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const kinds = [{ protocol: 'chain' }, { protocol: 'stream', generator: 'chacha20' }];
const units = 1 << 14;

const isShared = place.startsWith('postgres:');
const ledger = isShared
  ? await openPostgresLedger({ url: place, leaseSeconds: limit, timeoutSeconds: 5, partitions: 2 })
  : await openSqliteLedger({ path: place, maxUnfolded: limit });
let refused = 0;
await Promise.all(Array.from({ length: 8 }, (_, number) => payFrom(number)));
await ledger.close();

async function payFrom(number) {
  const card = deriveCard(new Uint8Array(32).fill(number + 1), kinds[number % 2], units);
  const { id, message, master, scheme, state: fresh } = readOpening(card.opening, units);
  const parts = { keyId: 'key', master, protocol: scheme.protocol, scheme: scheme.encode(), expires: 2e9 };
  await ledger.openCard({ id, message, ...parts }, fresh, 1_800_000_000);
  for (let turn = 0; refused < refusals; turn++) {
    const { state, version } = await readCard(id);
    const end = turn % 7 === 3 ? state.top + 3 : state.top + 1;
    if (end >= units) return;
    const claim = makeClaim(card, end, 1 + (turn % 2));
    const taken = scheme.take(state, claim);
    if (taken.verdict !== 'accepted') continue;
    try {
      if (!(await ledger.accept(id, version, taken.next, claim))) continue;
      print('accept', number, claim.tag);
      if (turn % 3 === 0) await giveBack(number, id, scheme, claim, turn % 2);
      else if (turn % 3 === 1) await settle(number, id, claim);
    } catch (error) {
      refused++;
      print('failed', number, error.code, (await readCard(id)).state.spent);
    }
  }
}

/** A database that is down comes back. */
async function readCard(id) {
  for (;;) {
    try {
      return await ledger.readCard(id);
    } catch (error) {
      if (!isShared) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function settle(number, id, { tag }) {
  await ledger.settle(id, tag, { status: 200, headers: [], body: new Uint8Array(100) });
  print('settle', number, tag);
}

async function giveBack(number, id, scheme, claim, kept) {
  const { state, version } = await readCard(id);
  if (kept === claim.kept) return;
  if (!(await ledger.giveBack(id, version, scheme.giveBack(state, claim, claim.kept, kept), claim.tag, kept)))
    return;
  print('give-back', number, claim.tag, kept);
}

function makeClaim(card, end, wanted) {
  const tag = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url');
  const asked = Math.min(wanted, end);
  const times = { acceptedAt: 1_800_000_000, challengeExpires: 1_800_000_300 };
  const secrets = { proof: card.source.proof(end), key: card.source.ikm(end) };
  return {
    tag,
    end,
    units: asked,
    kept: asked,
    route: '/tick',
    status: 'pending',
    safe: true,
    ...secrets,
    ...times,
  };
}

function print(...words) {
  process.stdout.write(`${words.join(' ')}\n`);
}
