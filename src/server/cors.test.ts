import { describe, expect, it } from 'vitest';
import { createCors } from './cors.js';

function call(method: string, headers: Readonly<Record<string, string>> = {}) {
  return { method, header: (name: string) => headers[name] };
}

const preflight = call('OPTIONS', {
  origin: 'https://reader.example',
  'access-control-request-method': 'GET',
});

describe('cross-origin requests', () => {
  it('get headers only where another origin asks', () => {
    const cors = createCors('any');
    expect(cors.headers(call('GET'))).toEqual([]);
    const headers = new Map(cors.headers(call('GET', { origin: 'null' })));
    expect(headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(headers.get('Access-Control-Expose-Headers')).toContain('Payment-Receipt');
    expect(headers.has('Access-Control-Allow-Credentials')).toBe(false);
  });

  it('are asked for by a preflight, which an OPTIONS of another kind is not', () => {
    const cors = createCors('any');
    expect(cors.preflight(call('OPTIONS', { origin: 'https://reader.example' }))).toBeUndefined();
    expect(cors.preflight({ ...preflight, method: 'GET' })).toBeUndefined();
    const reply = cors.preflight(preflight, ['accept-language'])!;
    expect(reply.status).toBe(204);
    const headers = new Map(reply.headers);
    expect(headers.get('Access-Control-Allow-Headers')).toBe(
      'Authorization, Content-Type, Accept-Payment, Idempotency-Key, Impuls-Meter, Last-Event-ID, accept-language',
    );
    expect(headers.get('Access-Control-Max-Age')).toBe('7200');
  });

  it('are not spoken of where the vendor says none', () => {
    const cors = createCors('none');
    expect(cors.headers(preflight)).toEqual([]);
    expect(cors.preflight(preflight)).toBeUndefined();
  });
});
