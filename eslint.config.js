import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** The layers: what may be imported where. The same rule is checked on the built files by test/package. */
const noNode = { group: ['node:*'], message: 'This layer runs everywhere: no Node.' };
const noPeers = {
  group: [
    'better-sqlite3',
    'pg',
    'pdfkit',
    'qrcode',
    'stripe',
    'undici',
    'hono',
    'express',
    'fastify',
    'ws',
    'mppx',
    '@x402/*',
    '@modelcontextprotocol/*',
  ],
  message: 'Optional peers are imported in src/node and src/adapters only.',
};
const layer = (name, ...forbidden) => ({
  files: [`src/${name}/**/*.ts`],
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...(['core', 'server', 'client'].includes(name) ? [noNode, noPeers] : []),
          ...forbidden.map((other) => ({
            group: [`**/${other}/**`],
            message: `${name} does not see ${other}.`,
          })),
        ],
      },
    ],
  },
});

export default defineConfig(
  { ignores: ['dist', '.tsbuild', 'node_modules', 'vectors'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'proof/**/*.ts', 'web/**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./src/*/tsconfig.json', './tsconfig.test.json', './web/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // An index checked by the line above it is common in code on bytes.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Interfaces promise; an implementation in memory need not wait.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      'no-restricted-globals': ['error', 'Buffer', 'process'],
    },
  },
  {
    files: [
      'src/node/**/*.ts',
      'src/adapters/**/*.ts',
      'src/cli/**/*.ts',
      'src/testing/**/*.ts',
      '**/*.test.ts',
      'test/**/*.ts',
      'proof/**/*.ts',
    ],
    rules: { 'no-restricted-globals': 'off' },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts', 'proof/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['web/**/*.{ts,tsx}'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [noNode, { group: ['**/src/**', '**/dist/**'], message: 'Pages import impuls by name.' }],
        },
      ],
    },
  },
  layer('core', 'server', 'client', 'node', 'adapters', 'cli', 'testing'),
  layer('server', 'client', 'node', 'adapters', 'cli', 'testing'),
  layer('client', 'server', 'node', 'adapters', 'cli', 'testing'),
  layer('node', 'adapters', 'cli', 'testing'),
  layer('adapters', 'cli', 'testing'),
  layer('testing', 'node', 'adapters', 'cli'),
  layer('cli', 'testing'),
);
