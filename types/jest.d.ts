/**
 * A Jest environment (28 and later) like `jest-environment-node`, in which a test fails that leaves tracked pointers
 * alive, or bytes charged by hand: see `assertNoLeaks()`. It judges a test after all of its `afterEach` hooks; what
 * `beforeAll` makes is nobody's leak, and a test that has failed already is not judged.
 *
 * @example
 * ```js
 * // jest.config.js
 * module.exports = { testEnvironment: 'ffi-tally/jest' };
 * ```
 */
declare const LeakEnvironment: new (...parameters: any[]) => object;
export = LeakEnvironment;
