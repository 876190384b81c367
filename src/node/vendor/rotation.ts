import { resolve } from 'node:path';
import { toBase64url } from '../../core/base64url.js';
import { ImpulsError } from '../../core/errors.js';
import { issuingKeyId, type IssuingKey, type KeyDocument } from '../../core/key-document.js';
import { crowdedDenomination, issuingKeys, revocationOf } from '../../core/key-life.js';
import { freshActivation, freshIssuing, freshStatement } from '../fresh-keys.js';
import { daySeconds, publishChange } from './files.js';
import {
  checkDenominations,
  lifeOfKey,
  platformRandom,
  startOfDay,
  type InitVendorOptions,
} from './folder.js';
import { changeVendor } from './store.js';

/** New keys in the place of old ones. */

export type KeyKind = 'issuing' | 'activation' | 'statement';

export interface Rotation {
  /** Which keys are replaced; at least one. */
  readonly kinds: readonly KeyKind[];
  /** Issuing: for which cards. Default: those that are issued. */
  readonly denominations?: readonly number[];
  /** Issuing: from when the new keys issue, Unix seconds; the start of that day (UTC) is taken. Default: today. */
  readonly notBefore?: number;
}

/** What is new; a part is missing where it had been done before. */
export interface Rotated {
  readonly document: KeyDocument;
  readonly issuing: readonly IssuingKey[];
  readonly activation?: KeyDocument['activation'];
  readonly statement?: { readonly key: string };
}

/** How long a statement key goes on to count after it was replaced: a server may not have heard of it yet. */
const statementOverlap = daySeconds;

/**
 * Makes keys and publishes a document that names them. What was done on the same day is not done again, so whatever was
 * interrupted is finished by the same call. Replaced secrets are destroyed when the folder is opened and they are due.
 *
 * @throws ImpulsError `invalid-argument` for a rotation that wallets would refuse; as `openVendorFolder`
 */
export async function rotateKeys(
  path: string,
  rotation: Rotation,
  options: InitVendorOptions = {},
): Promise<Rotated> {
  const { random = platformRandom, onProgress = () => {} } = options;
  return changeVendor(resolve(path), options, async ({ now, state, save }) => {
    const { published, secrets } = state;
    const { document, retired } = published;
    const plans = rotation.kinds.includes('issuing') ? planCards(document, rotation, now) : [];
    const wants = (kind: KeyKind, last: number | undefined): boolean =>
      rotation.kinds.includes(kind) && (last === undefined || startOfDay(last) !== startOfDay(now));
    const issuing =
      plans.length > 0 ? freshIssuing(secrets, published, now, plans.length, onProgress) : undefined;
    const activation = wants('activation', retired.at(-1)?.time)
      ? await freshActivation(secrets, published, random)
      : undefined;
    const statement = wants('statement', lastStatement(document))
      ? freshStatement(secrets, published, random)
      : undefined;
    const cards = (issuing?.fresh ?? []).map((n, i): IssuingKey => {
      return { id: issuingKeyId(n), n: toBase64url(n), ...plans[i]! };
    });
    if (!issuing && !activation && !statement) return { document, issuing: cards };
    const next = publishChange(
      published,
      {
        ...forgetExpired(document, now, cards),
        ...(activation && { activation: activation.fresh }),
        ...(statement && { statement: succeedStatement(document, statement.fresh, now) }),
      },
      now,
    );
    await save({
      published: next,
      secrets: {
        ...secrets,
        ...(issuing && { issuing: issuing.secrets }),
        ...(activation && { activation: activation.secrets }),
        ...(statement && { statement: statement.secrets }),
      },
    });
    return {
      document: next.document,
      issuing: cards,
      ...(activation && { activation: activation.fresh }),
      ...(statement && { statement: { key: statement.fresh } }),
    };
  });
}

type CardPlan = Omit<IssuingKey, 'id' | 'n'>;

/** The new entries, but for the keys. What the document has already is left out. */
function planCards(
  document: KeyDocument,
  { denominations, notBefore = 0 }: Rotation,
  now: number,
): CardPlan[] {
  const wanted = denominations ?? issuedDenominations(document, now);
  checkDenominations(wanted);
  const life = lifeOfKey(startOfDay(Math.max(now, notBefore)));
  const isThere = (denomination: number): boolean =>
    document.cards.some(
      (key) =>
        key.denomination === denomination &&
        key.notBefore === life.notBefore &&
        !revocationOf(document, key.id),
    );
  const plans = wanted
    .filter((denomination) => !isThere(denomination))
    .sort((a, b) => a - b)
    .map((denomination) => ({ denomination, ...life }));
  for (const plan of plans) refuseCrowd(document, plan);
  return plans;
}

/** Those that are issued; where all keys have run out, those that were. */
export function issuedDenominations(document: KeyDocument, now: number): number[] {
  const live = issuingKeys(document, now);
  return [...new Set((live.length > 0 ? live : document.cards).map(({ denomination }) => denomination))];
}

function refuseCrowd({ cards, revoked = [] }: KeyDocument, plan: CardPlan): void {
  const isCrowded = (life: Partial<CardPlan>): boolean =>
    crowdedDenomination({ cards: [...cards, { id: '', n: '', ...plan, ...life }], revoked }) !== undefined;
  if (!isCrowded({})) return;
  const ends = cards
    .filter(({ denomination, notAfter }) => denomination === plan.denomination && notAfter > plan.notBefore)
    .map(({ notAfter }) => notAfter)
    .sort((a, b) => a - b);
  const free = ends.find((end) => !isCrowded(lifeOfKey(end)));
  throw new ImpulsError(
    'invalid-argument',
    `two keys issue cards of ${plan.denomination} units then, and wallets take no third`,
    free === undefined ? {} : { hint: `Add --from ${new Date(free * 1000).toISOString().slice(0, 10)}.` },
  );
}

/** Entries of cards that nobody can use or exchange any more make room. */
function forgetExpired(
  { cards, revoked, policy }: KeyDocument,
  now: number,
  added: readonly IssuingKey[],
): Pick<KeyDocument, 'cards' | 'revoked'> {
  const kept = [...cards.filter(({ expires }) => now < expires + policy.grace), ...added];
  const still = revoked?.filter(({ id }) => kept.some((key) => key.id === id));
  return { cards: kept, ...(still && { revoked: still }) };
}

function lastStatement({ statement }: KeyDocument): number | undefined {
  const last = statement.earlier?.at(-1);
  return last && last.until - statementOverlap;
}

export function succeedStatement(
  { statement }: KeyDocument,
  key: string,
  now: number,
): KeyDocument['statement'] {
  const { earlier = [] } = statement;
  return { key, earlier: [...earlier, { key: statement.key, until: now + statementOverlap }] };
}
