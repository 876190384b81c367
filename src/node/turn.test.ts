import { expect, it } from 'vitest';
import type { Call, Gate } from '../server/index.js';
import { gather } from './turn.js';

const call = (target: string): Call => ({
  method: 'GET',
  target,
  header: () => undefined,
  body: () => Promise.resolve(new Uint8Array(0)),
});

it('sends the calls of one turn of the event loop through the gate after the last of them, in their order', async () => {
  const heard: string[] = [];
  const gate: Gate = ({ target }) => {
    heard.push(`gate ${target}`);
    return Promise.resolve({ status: 'refused', reply: { status: 402, headers: [], body: target } });
  };
  const admit = gather(gate);
  const arrive = (target: string): ReturnType<Gate> => {
    heard.push(`arrived ${target}`);
    return admit(call(target));
  };
  const first = arrive('/a');
  await Promise.resolve();
  const admissions = await Promise.all([first, arrive('/b')]);
  expect(heard).toEqual(['arrived /a', 'arrived /b', 'gate /a', 'gate /b']);
  expect(admissions).toMatchObject([{ reply: { body: '/a' } }, { reply: { body: '/b' } }]);
  await arrive('/c');
  expect(heard.slice(4)).toEqual(['arrived /c', 'gate /c']);
});

it('tells each caller of a gate that fails of his own failure', async () => {
  const admit = gather(({ target }) => Promise.reject(new Error(target)));
  const failures = await Promise.allSettled([admit(call('/a')), admit(call('/b'))]);
  expect(failures).toMatchObject([{ reason: { message: '/a' } }, { reason: { message: '/b' } }]);
});
