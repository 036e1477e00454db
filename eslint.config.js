'use strict';

const js = require('@eslint/js');

const names = (text) =>
  Object.fromEntries(
    text
      .trim()
      .split(/\s+/)
      .map((name) => [name, 'readonly']),
  );

const everywhere = names(`
  AbortController AbortSignal Buffer Event EventTarget FinalizationRegistry SharedArrayBuffer TextDecoder TextEncoder
  URL WeakRef clearImmediate clearInterval clearTimeout console global globalThis performance process
  queueMicrotask setImmediate setInterval setTimeout structuredClone
`);
const commonjs = names('__dirname __filename exports module require');
const jest = names('afterAll afterEach beforeAll beforeEach describe expect it jest test');

const onlyOneDoor = 'Only lib/binding/index.js may load the binary.';

module.exports = [
  { ignores: ['**/build/', 'coverage/', 'prebuilds/'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, globals: everywhere },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      'no-restricted-syntax': [
        'error',
        { selector: 'CallExpression[callee.name="require"] Literal[value=/\\.node$/]', message: onlyOneDoor },
        {
          selector: 'CallExpression[callee.name="require"] TemplateElement[value.raw=/\\.node$/]',
          message: onlyOneDoor,
        },
        {
          selector: 'CallExpression[callee.object.name="process"][callee.property.name="dlopen"]',
          message: onlyOneDoor,
        },
        {
          selector: 'ObjectPattern > Property[computed=true][key.name=/^[A-Z_]+$/]',
          message: 'An index becomes a string there, and V8 optimizes the function anew again and again.',
        },
      ],
    },
  },
  {
    files: ['**/*.js'],
    languageOptions: { sourceType: 'commonjs', globals: commonjs },
    rules: { strict: ['error', 'global'] },
  },
  {
    files: ['**/*.browser.js'],
    languageOptions: { sourceType: 'script', globals: { document: 'readonly' } },
  },
  { files: ['lib/binding/index.js'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['test/**/*.test.js', 'test/programs/jest/*'], languageOptions: { globals: jest } },
  { files: ['test/programs/**'], languageOptions: { globals: names('gc') } },
];
