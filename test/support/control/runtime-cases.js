'use strict';
// The same as cases.js with nothing but libraries of ours: one in C, on Windows by both runtimes, and one in C++.

const libraries = require('../build.js')();
const { windows } = require('../platform.js');

const { containers, heaps } = libraries;

const inC = (file) => ({
  strdup: [file, 'release', 'duplicate', ['x'.repeat(99)]],
  fopen: [file, 'close_stream', 'open_stream', [__filename]],
  'aligned by the runtime': [file, 'free_aligned', 'make_aligned', [1000]],
  'list that grows': [
    file,
    'free_list',
    'make_list',
    [],
    ['resize_list', 1000],
    ['resize_list', 100_000],
    ['resize_list', 10],
  ],
  'freed on a thread': [file, 'free_list', 'make_list', [], ['resize_list', 1000], ['clear_list']],
  [windows ? 'no runtime' : 'calloc and realloc']: [file, 'free_block', 'make_block', [1000]],
});

const renamed = (cases, suffix) =>
  Object.fromEntries(Object.entries(cases).map(([name, each]) => [`${name}, ${suffix}`, each]));

const CASES = {
  ...renamed(inC(heaps), windows ? 'UCRT' : 'C'),
  ...(windows ? renamed(inC(libraries.heapsMsvcrt), 'msvcrt') : {}),
  'vector of strings': [containers, 'free_strings', 'make_strings', [100], ['add_string']],
  'strings freed on a thread': [containers, 'free_strings', 'make_strings', [100], ['clear_strings']],
  'map of strings': [containers, 'free_map', 'make_map', [100]],
  ifstream: [containers, 'free_stream', 'make_stream', [__filename]],
  'over-aligned': [containers, 'free_aligned', 'make_aligned', []],
};

module.exports = { CASES };
