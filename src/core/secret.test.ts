import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { withSecrets } from './secret.js';

it('gives a member to whoever names it, and shows it to nobody', () => {
  const made = withSecrets({ open: 1 }, { key: 'sesame' });
  expect(made.key).toBe('sesame');
  expect(inspect(made, { depth: 9, showHidden: false })).not.toContain('sesame');
  expect(JSON.stringify(made)).not.toContain('sesame');
  expect({ ...made }).not.toHaveProperty('key');
  expect(() => Object.assign(made, { key: 'other' })).toThrow(TypeError);
});
