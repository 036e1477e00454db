'use strict';

const { collect } = require('../../reclaim/collect');
const { turnOn } = require('./listener');
const { resultOf } = require('./result');

/** What the C functions that were declared since the audit was turned on of all threads have kept so far. */
function audit() {
  const listener = turnOn();
  collect(); // what belongs to dead pointers is no leak
  return resultOf(listener);
}

/** The same while the program runs or ends: its garbage is not ours to collect. */
const auditSoFar = () => resultOf(turnOn());

/**
 * Collects before the program ends, if somebody would be accused. Not on 'exit': no destructor runs there without the
 * audit, and the library may have been shut down. In the event loop one may run at any time.
 */
function collectBeforeExit() {
  process.once('beforeExit', () => {
    if (auditSoFar().findings.some(({ kind }) => kind === 'leak')) collect();
  });
}

module.exports = { audit, auditSoFar, collectBeforeExit };
