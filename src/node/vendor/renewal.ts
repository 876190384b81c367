import { toBase64url } from '../../core/base64url.js';
import { ImpulsError } from '../../core/errors.js';
import {
  formatKeyDocument,
  issuingKeyId,
  parseKeyDocument,
  type IssuingKey,
  type KeyDocument,
  type Revocation,
} from '../../core/key-document.js';
import { revocationOf } from '../../core/key-life.js';
import { breachOf } from '../../core/key-succession.js';
import { freshActivation, freshIssuing, freshStatement } from '../fresh-keys.js';
import { createRsaSigner } from '../rsa.js';
import {
  activationKeyOf,
  publishChange,
  statementKeyOf,
  type Published,
  type VendorSecrets,
} from './files.js';
import { lifeOfKey, platformRandom, type InitVendorOptions } from './folder.js';
import { issuedDenominations, succeedStatement } from './rotation.js';
import { changeVendor } from './store.js';

/** New issuing keys for a vendor that does not know any more what it has issued. */
export interface Renewal {
  readonly document: KeyDocument;
  /** The issuing keys that were there before, of which nobody knows what was issued under them. */
  readonly before: readonly string[];
  readonly issuing: readonly IssuingKey[];
}

/**
 * Ends all issuing keys, published ahead or issuing, and makes one in the place of each that issues.
 *
 * A secret that is there and was not published, by this document, may have been published and used since: it is destroyed.
 *
 * @param latest the last key document that the vendor published, as it was served, if the folder's is older
 * @throws ImpulsError `bad-document` for one that is no successor of the folder's; as `openVendorFolder`
 */
export async function renewKeys(
  folder: string,
  latest: Uint8Array | undefined,
  options: InitVendorOptions = {},
): Promise<Renewal> {
  const { random = platformRandom, onProgress = () => {} } = options;
  return changeVendor(folder, options, async ({ now, state, save }) => {
    const published = latest ? catchUp(state.published, latest, now) : state.published;
    const { document } = published;
    const known = publishedSecrets(state.secrets, document);
    const wanted = issuedDenominations(document, now).sort((a, b) => a - b);
    const issuing = freshIssuing(known, published, now, wanted.length, onProgress);
    const hasActivation = known.activation.some(
      (secret) => activationKeyOf(secret).id === document.activation.id,
    );
    const hasStatement = known.statement.some((secret) => statementKeyOf(secret) === document.statement.key);
    const activation = hasActivation ? undefined : await freshActivation(known, published, random);
    const statement = hasStatement ? undefined : freshStatement(known, published, random);
    const life = lifeOfKey(now);
    const cards = issuing.fresh.map((n, i): IssuingKey => {
      return { id: issuingKeyId(n), n: toBase64url(n), denomination: wanted[i]!, ...life };
    });
    const next = publishChange(
      published,
      {
        cards: [...document.cards, ...cards],
        revoked: endAll(document, now),
        ...(activation && { activation: activation.fresh }),
        ...(statement && { statement: succeedStatement(document, statement.fresh, now) }),
      },
      now,
    );
    const secrets = {
      ...known,
      issuing: issuing.secrets,
      ...(activation && { activation: activation.secrets }),
      ...(statement && { statement: statement.secrets }),
    };
    await save({ secrets, published: next });
    return { document: next.document, before: document.cards.map(({ id }) => id), issuing: cards };
  });
}

/** The document that is out, in the place of the older one of a backup. */
function catchUp(published: Published, latest: Uint8Array, now: number): Published {
  const before = parseKeyDocument(formatKeyDocument(published.document));
  const after = parseKeyDocument(latest);
  const digest = toBase64url(before.digest);
  const isOlder = before.document.previous.includes(toBase64url(after.digest));
  if (isOlder || toBase64url(after.digest) === digest) return published;
  const breach = breachOf(before, after, [...before.entries.keys()]);
  if (breach !== undefined) {
    throw new ImpulsError('bad-document', `the published document ${breach}`, {
      hint: 'Give the last document that this vendor served, byte for byte, or a newer backup.',
    });
  }
  const { previous, activation } = after.document;
  const since = previous.slice(before.document.previous.length);
  const { id } = before.document.activation;
  return {
    document: after.document,
    replaced: [...published.replaced, ...since.map((old) => ({ digest: old, time: now }))],
    retired: activation.id === id ? published.retired : [...published.retired, { id, time: now }],
    // An honest successor drops no key that the older one names.
    ended: published.ended,
  };
}

function publishedSecrets(secrets: VendorSecrets, { cards }: KeyDocument): VendorSecrets {
  const ids = new Set(cards.map(({ id }) => id));
  return { ...secrets, issuing: secrets.issuing.filter((pem) => ids.has(createRsaSigner(pem).id)) };
}

function endAll({ cards, revoked = [] }: KeyDocument, now: number): Revocation[] {
  const lost = cards
    .filter(({ id, notAfter }) => now < notAfter && !revocationOf({ revoked }, id))
    .map(({ id }): Revocation => ({ id, reason: 'lost', time: now }));
  return [...revoked, ...lost];
}
