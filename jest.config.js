'use strict';

module.exports = {
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.js'],
  testEnvironment: 'node',
  testTimeout: 60_000,
  maxWorkers: 2,
  // The sources run as they are.
  transform: {},
};
