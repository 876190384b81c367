import { ed25519 } from '@noble/curves/ed25519.js';
import {
  type Activation,
  decodeActivation,
  encodeActivation,
  openActivation,
  sealActivation,
} from '../../src/core/activation.js';
import { fromBase64url, toBase64url } from '../../src/core/base64url.js';
import {
  blindWith,
  checkBlinded,
  finalizeSignature,
  prepareMessage,
  verifyBlindSignature,
  verifySignature,
} from '../../src/core/blind.js';
import { checkModulus } from '../../src/core/modulus.js';
import { concat, fromUtf8, toHex, utf8 } from '../../src/core/bytes.js';
import type { CardState } from '../../src/core/card-state.js';
import { deriveCard, readOpening } from '../../src/core/card.js';
import {
  computeTag,
  deriveFingerprint,
  derivePaymentKey,
  deriveReference,
  deriveSealKey,
  verifyTag,
  type Claim,
  type ClaimedRequest,
} from '../../src/core/claim.js';
import {
  envelopePublicKey,
  creditContext,
  issueContext,
  openEnvelope,
  orderContext,
  sealEnvelope,
} from '../../src/core/envelope.js';
import { isImpulsError, type ImpulsError } from '../../src/core/errors.js';
import { generatorById, generators, type GeneratorName } from '../../src/core/generators.js';
import { ChainHash, HmacKey, sha256 } from '../../src/core/hash.js';
import { activationKeyId, issuingKeyId, parseKeyDocument } from '../../src/core/key-document.js';
import { issuingKeys, statementKeysAt } from '../../src/core/key-life.js';
import { checkSuccessor } from '../../src/core/key-succession.js';
import { protocols, type ProtocolName, type Scheme } from '../../src/core/protocol.js';
import {
  computeStateTag,
  macReceipt,
  macState,
  signStatement,
  verifyReceipt,
  verifyState,
  type CardReport,
  type ReceiptClaims,
} from '../../src/core/receipt.js';
import { openSealedBody, sealBody } from '../../src/core/seal.js';
import { spend, type KnownClaim } from '../../src/core/spend.js';
import { createVoucherCode, formatVoucherCode, parseVoucherCode } from '../../src/core/voucher-code.js';
import { canonicalJson, type JsonValue } from '../../src/core/wire/canonical-json.js';
import { challengeId, verifyChallengeId, type Challenge } from '../../src/core/wire/challenge.js';
import { createCredentialParser } from '../../src/core/wire/credential-parser.js';
import {
  formatCredential,
  formatHead,
  parseCredential,
  type Credential,
  type PaymentPayload,
} from '../../src/core/wire/credential.js';

type Fields = Readonly<Record<string, unknown>>;

/** One case of a file of `vectors`. */
export interface Case {
  readonly name: string;
  readonly op: string;
  readonly in: Fields;
  readonly out?: Fields;
  readonly error?: string;
}

/**
 * One operation: what it makes of a case's `in`, bytes in hex; or, for a verification, whether it holds. It may leave out
 * what the implementation keeps to itself. `out` is for comparing with what can be used but not read.
 */
type Operation = (given: Fields, out: Fields) => Fields | boolean | Promise<Fields>;

const text = (fields: Fields, name: string) => fields[name] as string;
const number = (fields: Fields, name: string) => fields[name] as number;
const inner = (fields: Fields, name: string) => fields[name] as Fields;
const list = (fields: Fields, name: string) => fields[name] as readonly unknown[];
const objects = (fields: Fields, name: string) => fields[name] as readonly Fields[];
const unhex = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const bytes = (fields: Fields, name: string) => unhex(text(fields, name));
const key = (fields: Fields, name: string) => new HmacKey(bytes(fields, name));
const integer = (fields: Fields, name: string) => BigInt(`0x${text(fields, name)}`);

/** The hex of a key that can only be used, if it is that of `hex`. */
function hexOfKey(made: HmacKey, hex: string): string {
  const probe = utf8('probe');
  return toHex(made.mac(probe)) === toHex(new HmacKey(unhex(hex)).mac(probe)) ? hex : 'another key';
}

function hexOfAll(record: object): Fields {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, value instanceof Uint8Array ? toHex(value) : value]),
  );
}

const card: Record<string, Operation> = {
  derive(given, out) {
    const protocol = text(given, 'protocol') as ProtocolName;
    const kind = {
      protocol,
      ...(given['generator'] ? { generator: given['generator'] as GeneratorName } : {}),
    };
    const units = (given['units'] as number | undefined) ?? 1000;
    const made = deriveCard(bytes(given, 'seed'), kind, units);
    const { message, opening, keys, source } = made;
    const opened = readOpening(opening, units);
    const parts =
      protocol === 'chain' ? { last: toHex(source.proof(units)), anchor: toHex(opened.state.tip) } : {};
    same(opened.id, made.id);
    return {
      ...parts,
      master: toHex(opened.master),
      auth: hexOfKey(keys.auth, text(out, 'auth')),
      pay: hexOfKey(keys.pay, text(out, 'pay')),
      state: hexOfKey(keys.state, text(out, 'state')),
      opening: toHex(opening),
      message: toHex(message),
      id: toHex(fromBase64url(made.id)),
    };
  },
  'parse-opening'(given) {
    const { scheme, master, state } = readOpening(bytes(given, 'opening'), 10);
    const parameters = scheme.encode();
    const { protocol } = scheme;
    if (protocol === 'chain') {
      return { protocol, salt: toHex(parameters), anchor: toHex(state.tip), master: toHex(master) };
    }
    return { protocol, generator: generatorById(parameters[0]!)!.name, master: toHex(master) };
  },
};

const chain: Record<string, Operation> = {
  links(given) {
    const source = protocols.chain.derive(bytes(given, 'seed'), number(given, 'units'), 'chacha20');
    const links = (list(given, 'indexes') as readonly number[]).map((index) => [
      index,
      toHex(source.proof(index)),
    ]);
    return { salt: toHex(source.opening.subarray(0, 12)), links: Object.fromEntries(links) };
  },
  walk: (given) => ({ link: toHex(walk(given)) }),
  verify: (given) => toHex(walk(given)) === given['expected'],
};

function walk(given: Fields): Uint8Array {
  const from = number(given, 'from');
  return new ChainHash(bytes(given, 'salt')).walk(bytes(given, 'link'), from, from - number(given, 'to'));
}

const generatorsFile: Record<string, Operation> = {
  run(given, out) {
    const name = text(given, 'generator') as GeneratorName;
    const seed = bytes(given, 'seed');
    const generator = generators[name];
    const first = generator.instantiate(bytes(out, 'g0'), bytes(out, 'nonce'));
    const source = protocols.stream.derive(seed, 1, name);
    same(toHex(source.opening).slice(2), text(out, 'nonce') + text(out, 'g0'));
    const steps = [];
    let state = first;
    for (let at = 1; at <= 1000; at++) {
      const stepped = generator.step(state);
      state = stepped.state;
      if (!objects(out, 'steps').some((shown) => shown['step'] === at)) continue;
      same(source.ikm(at), stepped.output);
      const coin = toHex(source.proof(at));
      steps.push({ step: at, output: toHex(stepped.output), coin, state: toHex(state) });
    }
    return { state: toHex(first), steps };
  },
  step(given) {
    return hexOfAll(generators[text(given, 'generator') as GeneratorName].step(bytes(given, 'state')));
  },
  generator(given) {
    const scheme = protocols.stream.decodeScheme(Uint8Array.of(number(given, 'id')));
    return { generator: generatorById(scheme.encode()[0]!)!.name };
  },
};

const claim: Record<string, Operation> = {
  make(given) {
    const made = readClaim(inner(given, 'claim'));
    const payment = derivePaymentKey(key(given, 'pay'), bytes(given, 'ikm'), made);
    return {
      tag: toHex(computeTag(key(given, 'auth'), readRequest(inner(given, 'request')), made)),
      payment: toHex(payment),
      seal: toHex(deriveSealKey(payment)),
      reference: toHex(deriveReference(payment)),
      fingerprint: toHex(deriveFingerprint(payment)),
    };
  },
  'verify-tag'(given) {
    const request = readRequest(inner(given, 'request'));
    return verifyTag(key(given, 'auth'), request, readClaim(inner(given, 'claim')), bytes(given, 'tag'));
  },
  'parse-payload'(given) {
    const token = toBase64url(utf8(`${formatHead(echoed)}"payload":${text(given, 'payload')}}`));
    const parser = createCredentialParser();
    parser.remember(echoed);
    const payload = payloadOf(() => parseCredential(`Payment ${token}`));
    same(
      payloadOf(() => parser.parse(`Payment ${token}`)),
      payload,
    );
    if (isImpulsError(payload)) throw payload;
    same(parser.parse(formatCredential(echoed, payload))!.payload, payload);
    const { digest = new Uint8Array(0), seal } = payload;
    return { ...hexOfAll(readBack(payload)), digest: toHex(digest), sealed: seal === 'aes128gcm' };
  },
};

const echoed: Challenge = {
  id: 'x'.repeat(43),
  realm: 'news.example',
  method: 'impuls',
  intent: 'session',
  request: 'e30',
  expires: '2026-11-22T12:05:00Z',
};

function payloadOf(parse: () => Credential | null): PaymentPayload | ImpulsError {
  try {
    return parse()!.payload;
  } catch (error) {
    if (isImpulsError(error)) return error;
    throw error;
  }
}

function readBack({ card, protocol, end, units, nonce, proof, tag }: PaymentPayload) {
  return { card, protocol, end, units, nonce, proof, tag };
}

function readClaim(fields: Fields): Claim {
  return {
    card: bytes(fields, 'card'),
    protocol: text(fields, 'protocol') as ProtocolName,
    end: number(fields, 'end'),
    units: number(fields, 'units'),
    nonce: bytes(fields, 'nonce'),
    proof: bytes(fields, 'proof'),
  };
}

function readRequest(fields: Fields): ClaimedRequest {
  return {
    method: text(fields, 'method'),
    target: text(fields, 'target'),
    headers: list(fields, 'headers') as readonly [string, string][],
    digest: bytes(fields, 'digest'),
    challengeId: text(fields, 'challenge'),
    seal: fields['sealed'] ? 'aes128gcm' : undefined,
  };
}

const state: Record<string, Operation> = {
  run(given) {
    const start = inner(given, 'state');
    const scheme =
      given['protocol'] === 'chain'
        ? protocols.chain.decodeScheme(bytes(given, 'salt'))
        : protocols.stream.decodeScheme(Uint8Array.of(generators[given['generator'] as GeneratorName].id));
    const run = { scheme, expires: number(start, 'expires'), state: readState(start), records: new Map() };
    return { steps: objects(given, 'steps').map((step) => play(run, step)) };
  },
};

interface Run {
  readonly scheme: Scheme;
  readonly expires: number;
  state: CardState;
  readonly records: Map<string, { readonly step: Fields; status: KnownClaim['status'] }>;
}

function readState(fields: Fields): CardState {
  const gaps = list(fields, 'gaps') as readonly [number, number, string][];
  return {
    units: number(fields, 'units'),
    spent: number(fields, 'spent'),
    top: number(fields, 'top'),
    tip: bytes(fields, 'tip'),
    gaps: gaps.map(([from, to, value]) => ({ from, to, value: unhex(value) })),
  };
}

/** Plays one step. The holder of a conflict is not the card's to know. */
function play(run: Run, step: Fields): Fields {
  const tag = text(step, 'tag');
  const verdict = step['op'] === 'claim' ? { verdict: present(run, tag, step) } : {};
  const record = run.records.get(tag);
  if (record && step['op'] !== 'claim') {
    const { step: claimed } = record;
    const units = number(claimed, 'units');
    const kept = { settle: units, release: 0, capture: step['kept'] as number }[text(step, 'op')]!;
    record.status = step['op'] === 'release' ? 'released' : 'settled';
    run.state = run.scheme.giveBack(run.state, readSpending(claimed), units, kept);
  }
  const { state } = run;
  const gaps = state.gaps.map(({ from, to, value }) => [from, to, toHex(value)]);
  return { ...verdict, ...hexOfAll(state), expires: run.expires, gaps };
}

function present(run: Run, tag: string, step: Fields): string {
  const status = run.records.get(tag)?.status;
  const now = number(step, 'now');
  const outcome = spend(run.scheme, run.state, readSpending(step), {
    known: status && { status, safe: true, repeats: 0 },
    price: number(step, 'price'),
    charge: 'capture',
    cardHeld: false,
    cardExpired: now >= run.expires,
    challengeExpired: now >= number(step, 'challengeExpires'),
    bodyMatches: step['digestHolds'] === true,
  });
  if (outcome.verdict === 'accepted') {
    run.state = outcome.next;
    run.records.set(tag, { step, status: 'pending' });
  }
  return outcome.verdict;
}

function readSpending(step: Fields) {
  return { end: number(step, 'end'), units: number(step, 'units'), proof: bytes(step, 'proof') };
}

const receipt: Record<string, Operation> = {
  receipt(given) {
    const paymentKey = bytes(given, 'paymentKey');
    const mac = macReceipt(paymentKey, bytes(given, 'tag'), given['receipt'] as ReceiptClaims);
    return { mac: toHex(mac) };
  },
  'verify-receipt'(given) {
    const claims = given['receipt'] as ReceiptClaims;
    return verifyReceipt(bytes(given, 'paymentKey'), bytes(given, 'tag'), {
      ...claims,
      mac: bytes(given, 'mac'),
    });
  },
  state(given) {
    const report = readReport(inner(given, 'state'));
    const [cardId, nonce] = [bytes(given, 'card'), bytes(given, 'nonce')];
    return { mac: toHex(macState(key(given, 'stateKey'), text(given, 'verdict'), cardId, nonce, report)) };
  },
  'verify-state'(given) {
    const report = readReport(inner(given, 'state'));
    const message = { ...report, verdict: text(given, 'verdict'), mac: bytes(given, 'mac') };
    return verifyState(key(given, 'stateKey'), message, bytes(given, 'card'), bytes(given, 'nonce'));
  },
  'state-request'(given) {
    const purpose = text(given, 'purpose') as 'state' | 'statement';
    const tag = computeStateTag(key(given, 'auth'), purpose, bytes(given, 'card'), bytes(given, 'nonce'));
    return { tag: toHex(tag) };
  },
  statement(given, out) {
    const secretKey = sha256(utf8('statement'));
    const signature = signStatement(secretKey, {
      origin: text(given, 'origin'),
      message: bytes(given, 'message'),
      time: number(given, 'time'),
      tip: bytes(given, 'tip'),
      report: readReport(inner(given, 'state')),
    });
    const signed = ed25519.verify(signature, bytes(out, 'signed'), ed25519.getPublicKey(secretKey));
    return { signed: signed ? text(out, 'signed') : 'other bytes' };
  },
};

function readReport(fields: Fields): CardReport {
  const holder = bytes(fields, 'holder');
  return { ...(fields as unknown as CardReport), holder: holder.length > 0 ? holder : undefined };
}

const challenge: Record<string, Operation> = {
  request(given) {
    const canonical = canonicalJson(given['request'] as JsonValue);
    return { canonical, encoded: toBase64url(utf8(canonical)) };
  },
  id: (given) => ({ id: challengeId(key(given, 'secret'), readSlots(given)) }),
  verify: (given) => verifyChallengeId(key(given, 'secret'), { ...readSlots(given), id: text(given, 'id') }),
};

function readSlots(given: Fields): Omit<Challenge, 'id'> {
  return { realm: '', method: '', intent: '', request: '', ...inner(given, 'slots') };
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const voucher: Record<string, Operation> = {
  make(given) {
    const drawn = Array.from(text(given, 'characters'), (character) => alphabet.indexOf(character));
    const code = createVoucherCode((length) =>
      Uint8Array.from(length === 1 ? drawn.slice(0, 1) : drawn.slice(1)),
    );
    const stored = key(given, 'secret').mac(utf8(`impuls/1 voucher${code}`));
    return { code, written: formatVoucherCode(code), stored: toHex(stored) };
  },
  parse: (given) => ({ code: parseVoucherCode(text(given, 'text')) }),
};

const seal: Record<string, Operation> = {
  async seal(given) {
    return { body: toHex(await sealed(given, bytes(given, 'plaintext'))) };
  },
  async 'seal-long'(given) {
    const pattern = bytes(given, 'pattern');
    const plaintext = Uint8Array.from(
      { length: number(given, 'length') },
      (_, i) => pattern[i % pattern.length]!,
    );
    const body = await sealed(given, plaintext);
    same(await collect(openSealedBody(bytes(given, 'sealKey'), inPieces(body, 4099))), plaintext);
    return { length: body.length, sha256: toHex(sha256(body)) };
  },
  async open(given) {
    const pieces = inPieces(bytes(given, 'body'), 7);
    return { plaintext: toHex(await collect(openSealedBody(bytes(given, 'sealKey'), pieces))) };
  },
};

function sealed(given: Fields, plaintext: Uint8Array): Promise<Uint8Array> {
  return collect(
    sealBody(bytes(given, 'sealKey'), inPieces(plaintext, 1000), { salt: bytes(given, 'salt') }),
  );
}

async function* inPieces(whole: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += length) yield whole.subarray(at, at + length);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return concat(...parts);
}

const blind: Record<string, Operation> = {
  key(given) {
    checkModulus(bytes(given, 'n'));
    return issuingKeyId(bytes(given, 'n')) === toBase64url(bytes(given, 'id'));
  },
  issue(given) {
    const n = bytes(given, 'n');
    const prepared = prepareMessage(bytes(given, 'randomizer'), bytes(given, 'message'));
    const { blinded, inverse } = blindWith(n, prepared, bytes(given, 'salt'), integer(given, 'r'));
    const blindSignature = sign(given, blinded);
    const signature = finalizeSignature(n, prepared, blindSignature, inverse);
    return hexOfAll({ prepared, blinded, inverse, blindSignature, signature });
  },
  sign(given) {
    const [n, blinded] = [bytes(given, 'n'), bytes(given, 'blinded')];
    checkBlinded(n, blinded);
    const blindSignature = sign(given, blinded);
    same(verifyBlindSignature(n, blinded, blindSignature), true);
    return hexOfAll({ blindSignature });
  },
  verify(given) {
    const prepared = prepareMessage(bytes(given, 'randomizer'), bytes(given, 'message'));
    return verifySignature(bytes(given, 'n'), prepared, bytes(given, 'signature'));
  },
  finalize(given) {
    const prepared = prepareMessage(bytes(given, 'randomizer'), bytes(given, 'message'));
    const [blindSignature, inverse] = [bytes(given, 'blindSignature'), bytes(given, 'inverse')];
    return hexOfAll({ signature: finalizeSignature(bytes(given, 'n'), prepared, blindSignature, inverse) });
  },
};

/** Raw RSA with the private exponent: the one thing that core leaves to the platform. */
function sign(given: Fields, blinded: Uint8Array): Uint8Array {
  const n = integer(given, 'n');
  let [base, power] = [BigInt(`0x${toHex(blinded)}`), 1n];
  for (let exponent = integer(given, 'd'); exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) power = (power * base) % n;
    base = (base * base) % n;
  }
  return unhex(power.toString(16).padStart(768, '0'));
}

const activation: Record<string, Operation> = {
  async 'seal-activation'(given) {
    const parts = readActivation(given);
    const { id, message } = readOpening(parts.opening, 1000);
    const prepared = prepareMessage(parts.randomizer, message);
    same(verifySignature(bytes(given, 'n'), prepared, parts.signature), true);
    same(envelopePublicKey(bytes(given, 'private')), bytes(given, 'public'));
    const made = await sealActivation(bytes(given, 'public'), readContext(given), parts, ephemeral(given));
    same(await openActivation(bytes(given, 'private'), readContext(given), made), parts);
    return {
      activationKey: toHex(fromBase64url(activationKeyId(bytes(given, 'public')))),
      plaintext: toHex(encodeActivation(parts)),
      sealed: toHex(made),
      message: toHex(message),
      card: toHex(fromBase64url(id)),
    };
  },
  'parse-activation': (given) => opened(decodeActivation(bytes(given, 'plaintext'))),
  async 'open-activation'(given) {
    return opened(await openActivation(bytes(given, 'private'), readContext(given), bytes(given, 'sealed')));
  },
  async 'seal-envelope'(given) {
    const plaintext = canonicalJson(given['content'] as JsonValue);
    const context = envelopeContext(given);
    const made = await sealEnvelope(bytes(given, 'public'), context, utf8(plaintext), ephemeral(given));
    return { plaintext, sealed: toHex(made) };
  },
  async 'open-envelope'(given) {
    const plaintext = await openEnvelope(
      bytes(given, 'private'),
      envelopeContext(given),
      bytes(given, 'sealed'),
    );
    return { plaintext: fromUtf8(plaintext) };
  },
};

function readActivation(fields: Fields): Activation {
  return {
    opening: bytes(fields, 'opening'),
    randomizer: bytes(fields, 'randomizer'),
    signature: bytes(fields, 'signature'),
    nonce: bytes(fields, 'nonce'),
  };
}

/** The opening is read by the card it opens. */
function opened(parts: Activation): Fields {
  readOpening(parts.opening, 1000);
  return hexOfAll(parts);
}

function readContext(given: Fields) {
  return { document: bytes(given, 'document'), key: toBase64url(bytes(given, 'issuingKey')) };
}

function envelopeContext(given: Fields) {
  return { credit: creditContext, issue: issueContext, order: orderContext }[
    given['purpose'] as 'credit' | 'issue' | 'order'
  ];
}

function ephemeral(given: Fields): (length: number) => Uint8Array {
  return (length) => bytes(given, 'ephemeralSeed').subarray(0, length);
}

const document: Record<string, Operation> = {
  parse: (given) => ({ digest: toBase64url(readDocument(given, 'document').digest) }),
  live(given) {
    const live = issuingKeys(readDocument(given, 'document').document, number(given, 'time'));
    return { keys: live.map(({ id }) => id) };
  },
  'statement-keys'(given) {
    const keys = statementKeysAt(readDocument(given, 'document').document, number(given, 'time'));
    return { keys: keys.map(toHex) };
  },
  successor(given) {
    const held = list(given, 'held') as readonly string[];
    checkSuccessor(readDocument(given, 'pinned'), readDocument(given, 'next'), held);
    return true;
  },
};

function readDocument(given: Fields, name: string) {
  return parseKeyDocument(utf8(text(given, name)));
}

/** What each file of `vectors` asks for. */
const files: Record<string, Record<string, Operation>> = {
  activation,
  blind,
  card,
  chain,
  challenge,
  claim,
  document,
  generators: generatorsFile,
  receipt,
  seal,
  state,
  voucher,
};

/** What the vectors call malformed is the caller's mistake where no bytes arrived from elsewhere. */
const refusals: Readonly<Record<string, readonly string[]>> = {
  malformed: ['malformed', 'invalid-argument'],
};

/** Runs a case of `vectors/<file>.json`. Rejects with what does not hold. */
export async function checkCase(file: string, { op, in: given, out, error }: Case): Promise<void> {
  const operation = files[file]?.[op];
  if (!operation) throw new Error(`no operation ${op}`);
  const run = async () => operation(given, out ?? {});
  if (out) {
    const result = await run();
    const found = typeof result === 'boolean' ? { holds: result } : result;
    same(found, among(out, found));
    return;
  }
  const refused: unknown = await run().catch((cause: unknown) => cause);
  if (refused === false) return;
  if (!isImpulsError(refused)) throw new Error(`not refused with ${error}: ${String(refused)}`);
  if (!(refusals[error!] ?? [error]).includes(refused.code)) same(refused.code, error);
}

/** Of what is wanted what was found too: an operation may leave out what the implementation keeps to itself. */
function among(wanted: unknown, found: unknown): unknown {
  if (Array.isArray(wanted) && Array.isArray(found)) {
    return wanted.map((item: unknown, i) => among(item, found[i]));
  }
  if (!isObject(wanted) || !isObject(found)) return wanted;
  return Object.fromEntries(Object.keys(found).map((name) => [name, among(wanted[name], found[name])]));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

/** Compares plain data and bytes. */
function same(found: unknown, wanted: unknown): void {
  const [a, b] = [describe(found), describe(wanted)];
  if (a !== b) throw new Error(`found ${a}, expected ${b}`);
}

function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${toHex(value)}`;
  if (Array.isArray(value)) return `[${value.map(describe).join(', ')}]`;
  if (typeof value !== 'object' || value === null)
    return value === undefined ? 'nothing' : JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${name}: ${describe(member)}`).join(', ')}}`;
}
