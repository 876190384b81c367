import { randomBytes } from 'node:crypto';
import { fromUtf8 } from '../../core/bytes.js';
import { isImpulsError } from '../../core/errors.js';
import type { KeyDocument } from '../../core/key-document.js';
import { parseProblem } from '../../core/wire/problem.js';
import { fail, ok, type Check } from '../doctor/check.js';
import { ask, challengesOf, mediaType, type Answer, type Probe } from './probe.js';

/** The vendor's own endpoints, asked for what they must refuse (docs/spec.md §4, §5, §7, §10). Nothing is redeemed. */

export async function checkEndpoints(probe: Probe, { endpoints }: KeyDocument): Promise<Check[]> {
  const { credit, meter, ...own } = endpoints;
  const checks: Check[] = [];
  for (const [name, path] of Object.entries(own)) checks.push(await checkEndpoint(probe, name, path));
  if (credit !== undefined) checks.push(await checkCredit(probe, credit));
  if (meter !== undefined) checks.push(await checkMeter(probe, meter));
  return checks;
}

async function checkMeter(probe: Probe, path: string): Promise<Check> {
  const stranger = `${path}/${randomBytes(16).toString('base64url')}`;
  const wrong = wrongOf(await ask(probe, stranger), 410, 'meter-ended');
  if (wrong === undefined) return ok('endpoint meter', `${path} knows no meter that it did not open`);
  return fail(
    'endpoint meter',
    `a meter that nobody opened is answered ${wrong}`,
    `Let the vendor itself answer all below ${path}, or leave \`endpoints.meter\` out of the key document.`,
  );
}

async function checkEndpoint(probe: Probe, name: string, path: string): Promise<Check> {
  const label = `endpoint ${name}`;
  const next = `Let the vendor itself answer ${path}, and pass its answers on as they are.`;
  const wrong = wrongOf(await post(probe, path, {}), 400, 'malformed');
  if (wrong !== undefined) return fail(label, `a request that is empty is answered ${wrong}`, next);
  const read = await ask(probe, path);
  if (read?.status !== 405) {
    return fail(label, `a GET is answered ${read?.status ?? 'not at all'}, and not 405`, next);
  }
  if (name === 'state' || name === 'statement') {
    const text = (length: number): string => randomBytes(length).toString('base64url');
    const stranger = { card: text(16), nonce: text(16), tag: text(16) };
    const told = wrongOf(await post(probe, path, stranger), 404, 'card-unknown');
    if (told !== undefined) return fail(label, `a card that nobody has is answered ${told}`, next);
  }
  return ok(label, `${path} refuses what it must`);
}

function post(probe: Probe, path: string, body: object): Promise<Answer | undefined> {
  const headers = { 'Content-Type': 'application/json' };
  return ask(probe, path, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** What is wrong with a refusal, in words; undefined if nothing is. */
function wrongOf(answer: Answer | undefined, status: number, code: string): string | undefined {
  if (!answer) return 'not at all';
  if (answer.status !== status) return `${answer.status}, and not ${status}`;
  const said = problemOf(answer);
  if (said !== code) return `without the problem document "${code}"`;
  if (!(answer.headers.get('Cache-Control') ?? '').includes('no-store'))
    return 'without Cache-Control: no-store';
  return undefined;
}

/** The code of the problem document that an answer is, if it is one. */
export function problemOf(answer: Answer): string | undefined {
  if (mediaType(answer) !== 'application/problem+json') return undefined;
  try {
    return parseProblem(fromUtf8(answer.body)).code;
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

async function checkCredit(probe: Probe, path: string): Promise<Check> {
  const answer = await ask(probe, `${path}?units=1`, { method: 'POST' });
  const asks = answer?.status === 402 && challengesOf(answer)?.some(({ method }) => method === 'impuls');
  if (asks) return ok('endpoint credit', `${path} asks for the units that it takes back`);
  return fail(
    'endpoint credit',
    `${path}?units=1 is answered ${answer?.status ?? 'not at all'}, and not 402 with a challenge`,
    `Let the vendor itself answer ${path}, or leave \`endpoints.credit\` out of the key document.`,
  );
}
