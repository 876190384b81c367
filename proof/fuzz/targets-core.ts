import { decodeActivation, encodeActivation } from '../../src/core/activation.js';
import { readModulus } from '../../src/core/modulus.js';
import { readOpening } from '../../src/core/card.js';
import { contentKeyUrl, parseContentKeyUrl } from '../../src/core/content-key.js';
import { decodeCredit, encodeCredit } from '../../src/core/credit.js';
import { issueContext, openEnvelope } from '../../src/core/envelope.js';
import { EventReader, formatEvent, type StreamEvent } from '../../src/core/event-stream.js';
import { evidenceToJson, parseEvidence, parseStatement, verifyEvidence } from '../../src/core/evidence.js';
import { formatKeyDocument, parseKeyDocument } from '../../src/core/key-document.js';
import { formatManifest, parseManifest } from '../../src/core/manifest.js';
import { openSealedBody } from '../../src/core/seal.js';
import { createVoucherCode, formatVoucherCode, parseVoucherCode } from '../../src/core/voucher-code.js';
import { canonicalJson, parseJson } from '../../src/core/wire/canonical-json.js';
import {
  accepted,
  acceptedAsync,
  bytesTarget,
  cutInTwo,
  same,
  textOf,
  textTarget,
  type Target,
} from './target.js';
import { vectorBytes, vectorInputs, vectorTexts } from './vectors.js';

const sealKey = new Uint8Array(32).fill(7);

async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** All that opens, also before a damage shows. */
async function opened(
  key: Uint8Array,
  chunks: AsyncIterable<Uint8Array>,
): Promise<readonly [string, boolean]> {
  const parts: number[] = [];
  const whole = await acceptedAsync(async () => {
    for await (const part of openSealedBody(key, chunks)) parts.push(...part);
    return true;
  });
  return [parts.join(), whole === true];
}

function eventsOf(...chunks: readonly Uint8Array[]): StreamEvent[] | undefined {
  return accepted(() => {
    const reader = new EventReader();
    return chunks.flatMap((chunk) => reader.push(chunk));
  });
}

/** Bytes that go on where the last ones ended: a source that repeats itself is refused. */
function counting(): (length: number) => Uint8Array {
  let next = 0;
  return (length) => Uint8Array.from({ length }, () => next++);
}

const documents = () => vectorTexts('document', 'document', 'parse').slice(0, 6);

export const coreTargets: readonly Target[] = [
  bytesTarget('activation', decodeActivation, encodeActivation, () => vectorBytes('activation', 'plaintext')),
  bytesTarget(
    'opening',
    (bytes) => readOpening(bytes, 10),
    undefined,
    () => vectorBytes('card', 'opening'),
  ),
  bytesTarget('modulus', readModulus, undefined, () => vectorBytes('blind', 'n').slice(0, 2)),
  bytesTarget('credit', decodeCredit, undefined, () => [
    encodeCredit({
      order: createVoucherCode(counting()),
      purpose: 'refund',
    }),
  ]),
  {
    name: 'envelope',
    seeds: () => vectorBytes('activation', 'sealed').slice(0, 4),
    run: (bytes) => acceptedAsync(() => openEnvelope(sealKey, issueContext, bytes)),
  },
  {
    name: 'sealed-body',
    seeds: () => vectorBytes('seal', 'body', 'open').map((body) => Uint8Array.of(9, ...body)),
    async run(bytes) {
      const [whole, left, right] = cutInTwo(bytes);
      for (const key of [sealKey, ...sealKeys]) {
        const found = await opened(key, chunksOf(left, right));
        same(found, await opened(key, chunksOf(whole)), 'a sealed body in two chunks');
      }
    },
  },
  {
    name: 'event-stream',
    seeds: () => [
      Uint8Array.of(5, ...formatEvent({ id: '7', event: 'e', data: 'a\nb' }), ...formatEvent({ data: '' })),
      '\u0003data: a\r\n\r\n: comment\rdata:b\r\rdata\n\nid: \0\n\n',
    ],
    run(bytes) {
      const [whole, left, right] = cutInTwo(bytes);
      const events = eventsOf(whole);
      same(eventsOf(left, right), events, 'events in two chunks');
      for (const event of events ?? []) {
        if (/\r/.test(event.data)) continue;
        const text = accepted(() => formatEvent(event));
        if (text) same(eventsOf(text), [event], 'an event, written and read again');
      }
    },
  },
  {
    name: 'statement',
    seeds: () => [
      '{"signature":"","statement":{"card":"","message":"","origin":"","state":{},"time":1,"tip":""}}',
    ],
    run: (bytes) => accepted(() => parseStatement(parseJson(textOf(bytes)))),
  },
  textTarget(
    'evidence',
    (text) => {
      const evidence = parseEvidence(parseJson(text));
      verifyEvidence({ ...evidence, end: Math.min(evidence.end, 64) });
      return evidence;
    },
    (evidence) => canonicalJson(evidenceToJson(evidence)),
    () => [
      canonicalJson(
        evidenceToJson({
          origin: 'https://a.example',
          card: 'AAAAAAAAAAAAAAAAAAAAAA',
          end: 3,
          link: new Uint8Array(32),
          opening: Uint8Array.of(1, ...new Uint8Array(76)),
        }),
      ),
    ],
  ),
  {
    name: 'key-document',
    seeds: documents,
    run(bytes) {
      const received = accepted(() => parseKeyDocument(bytes));
      if (!received) return;
      const again = formatKeyDocument(received.document);
      same(parseKeyDocument(again).document, received.document, 'a key document, written and read again');
    },
  },
  {
    name: 'key-document-json',
    seeds: documents,
    run(bytes) {
      // Canonical JSON is hard to hit upon: what is searched for is written so first.
      const text = accepted(() => canonicalJson(parseJson(textOf(bytes))));
      if (text !== undefined) accepted(() => parseKeyDocument(new TextEncoder().encode(text)));
    },
  },
  textTarget(
    'manifest',
    (text) => parseManifest(new TextEncoder().encode(text)),
    formatManifest,
    () => [
      '{"version":1,"vendor":"https://a.example","unit":{"code":"EUR-milli","currency":"EUR","value":"0.001"},"items":[{"path":"a/b.txt","sealed":"b.sealed","type":"text/plain; charset=utf-8","size":3,"key":"https://a.example/impuls/keys/AAAAAAAAAAAAAAAAAAAAAA","price":1}]}',
    ],
  ),
  textTarget(
    'content-key-url',
    parseContentKeyUrl,
    ({ origin, id }) => contentKeyUrl(origin, id),
    () => [
      'https://a.example/impuls/keys/AAAAAAAAAAAAAAAAAAAAAA',
      'http://[::1]:8/impuls/keys/AAAAAAAAAAAAAAAAAAAAAQ',
    ],
  ),
  textTarget('voucher-code', parseVoucherCode, formatVoucherCode, () =>
    vectorTexts('voucher', 'text', 'parse'),
  ),
];

const sealKeys = vectorInputs('seal', 'sealKey', 'open')
  .filter((value): value is string => typeof value === 'string')
  .slice(0, 1)
  .map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
