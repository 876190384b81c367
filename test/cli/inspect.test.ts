import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  deriveCard,
  evidenceToJson,
  fromBase64url,
  signStatement,
  toBase64url,
} from '../../src/core/index.js';
import { createSandbox, twoLines, type Sandbox } from './sandbox.js';

interface Finding {
  readonly kind: string;
  readonly summary: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

let box: Sandbox;
beforeAll(async () => {
  box = await createSandbox();
});
afterAll(() => box.remove());

async function inspect(text: string): Promise<Finding[]> {
  const { code, stdout, stderr } = await box.run(['inspect', '-'], { input: text });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Finding[];
}

const bytes = (length: number): string => Buffer.alloc(length, 7).toString('base64url');
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const request = encode({
  amount: '3',
  currency: 'unit',
  methodDetails: { document: bytes(32), unit: { currency: 'USD', value: '0.001' }, version: 1 },
});
const challenge = {
  id: bytes(32),
  realm: 'news.example',
  method: 'impuls',
  intent: 'session',
  request,
  expires: '2031-01-01T00:00:00Z',
};
const header = Object.entries(challenge)
  .map(([name, value]) => `${name}="${value}"`)
  .join(', ');
const payload = {
  action: 'pay',
  card: bytes(16),
  protocol: 'chain',
  end: '12',
  units: '3',
  nonce: bytes(16),
  proof: bytes(32),
  tag: bytes(16),
};
const receipt = {
  status: 'success',
  method: 'impuls',
  timestamp: '2031-01-01T00:00:00.000Z',
  reference: bytes(12),
  verdict: 'accepted',
  units: 3,
  remaining: 97,
  end: 12,
  mac: bytes(16),
};
const state = {
  verdict: 'conflict',
  units: 100,
  spent: 3,
  top: 3,
  expires: 1_950_000_000,
  gaps: [],
  mac: bytes(16),
};

describe('inspect', () => {
  it('decodes a challenge, as a header and alone', async () => {
    const summary =
      'news.example asks for 3 units (0.003 USD). Good for any number of payments, until 2031-01-01T00:00:00Z.';
    for (const text of [
      `WWW-Authenticate: Payment ${header}`,
      `Payment ${header}`,
      `< www-authenticate: Payment ${header}`,
    ]) {
      expect(await inspect(text)).toMatchObject([{ kind: 'challenge', summary }]);
    }
    expect(await inspect(JSON.stringify(challenge))).toMatchObject([{ kind: 'challenge', summary }]);
  });

  it('decodes a credential', async () => {
    const token = encode({ challenge, payload });
    const summary = 'Pays 3 units to news.example: the units 10 to 12 of a chain card.';
    for (const text of [`Authorization: Payment ${token}`, `Payment ${token}`, token]) {
      expect(await inspect(text)).toMatchObject([{ kind: 'credential', summary }]);
    }
  });

  it('decodes a receipt and a state', async () => {
    const summary = 'Charged 3 units at 2031-01-01T00:00:00.000Z; 97 units left.';
    for (const text of [`Payment-Receipt: ${encode(receipt)}`, encode(receipt), JSON.stringify(receipt)]) {
      expect(await inspect(text)).toMatchObject([{ kind: 'receipt', summary }]);
    }
    for (const text of [
      `Impuls-State: ${encode(state)}`,
      encode(state),
      JSON.stringify({ card: bytes(16), state }),
    ]) {
      const [found] = await inspect(text);
      expect(found).toMatchObject({ kind: 'state', facts: { spent: 3 } });
      expect(found?.summary).toContain(
        'Refused: another payment holds these units. 3 of 100 units spent, 97 units left',
      );
    }
  });

  it('decodes all headers of an answer', async () => {
    const dump = [
      'HTTP/1.1 200 OK',
      'Content-Type: text/plain',
      `Payment-Receipt: ${encode(receipt)}`,
      `Impuls-State: ${encode(state)}`,
      '',
      'body',
    ];
    expect((await inspect(dump.join('\r\n'))).map(({ kind }) => kind)).toEqual(['receipt', 'state']);
  });

  it('decodes a problem document', async () => {
    const problem = {
      type: 'urn:impuls:problem:throttled',
      title: 'Too many attempts',
      status: 429,
      detail: 'Wait.',
    };
    expect(await inspect(JSON.stringify(problem))).toMatchObject([
      { kind: 'problem', summary: '429 Too many attempts: Wait.' },
    ]);
  });

  it('reads a file by its name', async () => {
    await writeFile(join(box.folder, 'receipt.json'), JSON.stringify(receipt));
    expect(await box.json('inspect', 'receipt.json')).toMatchObject([{ kind: 'receipt' }]);
  });

  it('decodes key documents, vouchers and backups, and hides what is secret', async () => {
    await box.json('vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '10');
    const server = await box.serve('shop');
    const document = await (await fetch(`${box.origin}/.well-known/impuls`)).text();
    expect(await inspect(document)).toMatchObject([
      { kind: 'key document', facts: { digest: expect.any(String) } },
    ]);

    const { codes } = await box.json<{ codes: string[] }>('voucher', 'create', 'shop');
    const [voucher] = await box.json<Finding[]>('inspect', codes[0]!.toLowerCase().replaceAll('-', ' '));
    expect(voucher).toMatchObject({ kind: 'voucher code', facts: { code: codes[0] } });
    const mistyped = codes[0]!.slice(0, -1) + (codes[0]!.endsWith('0') ? '1' : '0');
    const wrong = await box.run(['inspect', mistyped]);
    expect(wrong.code).toBe(1);
    expect(twoLines(wrong.stderr).what).toBe('the voucher code is mistyped');

    await box.json('redeem', box.origin, codes[0]!);
    await server.stop();
    await box.json('backup', '-o', 'b');
    const hidden = await box.run(['inspect', 'b']);
    const shown = await box.run(['inspect', 'b', '--show-secrets']);
    expect(JSON.parse(hidden.stdout)).toMatchObject([
      { kind: 'backup', facts: { cards: [{ seed: '(hidden)' }] } },
    ]);
    const [finding] = JSON.parse(shown.stdout) as Array<{ facts: { cards: Array<Record<string, string>> } }>;
    for (const name of ['seed', 'randomizer', 'signature']) {
      const secret = finding!.facts.cards[0]![name]!;
      expect(secret).toMatch(/^[\w-]{43,}$/);
      expect(hidden.stdout).not.toContain(secret);
    }
  });

  it('checks what a vendor has signed, and says so where it is not signed', async () => {
    await box.json('vendor', 'init', 'signer', '--origin', box.origin, '--denominations', '10');
    const { statement: secrets } = JSON.parse(
      await readFile(join(box.folder, 'signer', 'keys.json'), 'utf8'),
    ) as { statement: string[] };
    const card = deriveCard(new Uint8Array(32).fill(7), { protocol: 'chain' }, 10);
    const [tip, time] = [card.source.proof(3), Math.floor(Date.now() / 1000)];
    const report = { units: 10, spent: 3, top: 3, expires: 1_950_000_000, gaps: [] };
    const claims = { origin: box.origin, message: card.message, time, tip, report };
    const signature = signStatement(fromBase64url(secrets[0]!, 32), claims);
    const signed = {
      signature: toBase64url(signature),
      statement: {
        card: card.id,
        message: toBase64url(card.message),
        origin: box.origin,
        state: report,
        time,
        tip: toBase64url(tip),
      },
    };
    await writeFile(join(box.folder, 'statement.json'), JSON.stringify(signed));
    const check = ['--document', join('signer', 'document.json')];
    const [checked] = await box.json<Finding[]>('inspect', 'statement.json', ...check);
    expect(checked?.summary).toMatch(/^The signature holds: .* 3 of 10 units spent, 7 units left/);
    const [unchecked] = await box.json<Finding[]>('inspect', 'statement.json');
    expect(unchecked?.summary).toMatch(/^The signature was not checked/);

    const forged = { ...signed, statement: { ...signed.statement, state: { ...report, spent: 2 } } };
    const refused = await box.run(['inspect', '-', ...check], { input: JSON.stringify(forged) });
    expect(refused.code).toBe(1);
    expect(twoLines(refused.stderr).what).toBe(`${box.origin} has not signed that statement`);
  });

  it('hashes the evidence of a chain down to its card', async () => {
    const card = deriveCard(new Uint8Array(32).fill(7), { protocol: 'chain' }, 10);
    const json = evidenceToJson({
      origin: box.origin,
      card: card.id,
      end: 3,
      link: card.source.proof(3),
      opening: card.opening,
    });
    const [found] = await inspect(JSON.stringify(json));
    expect(found).toMatchObject({ kind: 'evidence', facts: { end: 3, card: card.id } });
    expect(JSON.stringify(found)).not.toContain(toBase64url(card.opening));

    const input = JSON.stringify({ evidence: { ...(json['evidence'] as object), end: 4 } });
    const refused = await box.run(['inspect', '-'], { input });
    expect(refused.code).toBe(1);
    expect(twoLines(refused.stderr).what).toBe('that evidence does not hold');
  });

  it.each(['', 'hello', '{}', '{"a":1}', 'Payment !!!', 'Payment id="x"', `${encode(receipt)}x`, '[1]'])(
    'says so where it knows nothing: %j',
    async (text) => {
      const { code, stdout, stderr } = await box.run(['inspect', '-'], { input: text });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      twoLines(stderr);
    },
  );
});
