'use strict';

module.exports = {
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.js'],
  testEnvironment: 'node',
  testTimeout: 310_000, // for where the machine is busy with much else: children have 300
  testSequencer: './test/support/longest-first.js',
  maxWorkers: 2,
  // Each file has a process of its own: what others leave in the heap makes every collection slower, and moves it.
  workerIdleMemoryLimit: 0,
  workerGracefulExitTimeout: 10_000,
  // The sources run as they are.
  transform: {},
};
