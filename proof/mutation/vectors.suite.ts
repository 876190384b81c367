import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.js';
import { deriveCard } from '../../src/core/card.js';
import {
  computeTag,
  deriveFingerprint,
  derivePaymentKey,
  deriveReference,
  deriveSealKey,
  type Claim,
  type ClaimedRequest,
} from '../../src/core/claim.js';
import type { GeneratorName } from '../../src/core/generators.js';
import { HmacKey } from '../../src/core/hash.js';
import { protocols, type CardKind } from '../../src/core/protocol.js';

/** Of the vectors those that fix what cards and claims are made of, without all that the whole of them needs. */

type Fields = Readonly<Record<string, string>>;
interface Case {
  readonly name: string;
  readonly op: string;
  readonly in: Fields;
  readonly out?: Fields;
}

function casesOf(name: string, op: string): Case[] {
  const text = readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8');
  const { cases } = JSON.parse(text) as { cases: readonly Case[] };
  return cases.filter((one) => one.op === op && one.out && Number(one.in['units'] ?? 0) <= 10_000);
}

const unhex = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

/** Of an object the members that are bytes in hex. */
function unhexed(fields: Fields, names: readonly string[]): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]): [string, unknown] => [
    name,
    names.includes(name) ? unhex(value) : value,
  ]);
  return Object.fromEntries(entries);
}

describe('the vectors of cards', () => {
  it.each(casesOf('card', 'derive'))('$name', (one) => {
    const kind = one.in as unknown as CardKind;
    const { opening, message } = deriveCard(unhex(one.in['seed']!), kind, Number(one.in['units'] ?? 1000));
    expect([toHex(opening), toHex(message)]).toEqual([one.out!['opening'], one.out!['message']]);
  });

  it.each(casesOf('chain', 'links'))('$name', (one) => {
    const source = protocols.chain.derive(unhex(one.in['seed']!), Number(one.in['units']), 'chacha20');
    for (const [end, link] of Object.entries(one.out!['links'] as unknown as Fields))
      expect(toHex(source.proof(Number(end)))).toBe(link);
  });

  it.each(casesOf('generators', 'run'))('$name', (one) => {
    const source = protocols.stream.derive(unhex(one.in['seed']!), 1, one.in['generator'] as GeneratorName);
    for (const { step, output, coin } of one.out!['steps'] as unknown as {
      step: number;
      output: string;
      coin: string;
    }[]) {
      expect([toHex(source.ikm(step)), toHex(source.proof(step))]).toEqual([output, coin]);
    }
  });
});

describe('the vectors of claims', () => {
  it.each(casesOf('claim', 'make'))('$name', (one) => {
    const { auth, pay, ikm } = unhexed(one.in, ['auth', 'pay', 'ikm']) as Record<string, Uint8Array>;
    const claim = unhexed(one.in['claim'] as unknown as Fields, [
      'card',
      'nonce',
      'proof',
    ]) as unknown as Claim;
    const { challenge, sealed, ...said } = unhexed(one.in['request'] as unknown as Fields, ['digest']);
    const seal = sealed === true ? 'aes128gcm' : undefined;
    const request = { ...said, challengeId: challenge, seal } as ClaimedRequest;
    const payment = derivePaymentKey(new HmacKey(pay!), ikm!, claim);
    expect({
      tag: toHex(computeTag(new HmacKey(auth!), request, claim)),
      payment: toHex(payment),
      seal: toHex(deriveSealKey(payment)),
      reference: toHex(deriveReference(payment)),
      fingerprint: toHex(deriveFingerprint(payment)),
    }).toEqual({ ...one.out, transcript: undefined });
  });
});
