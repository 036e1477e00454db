'use strict';

const binding = require('../binding');
const { chargeGauges, gauges, readUnowned } = require('../books/unowned');
const { Unusual, unusual } = require('../books/unusual');
const { toAddress } = require('../pointers/destructors');
const majorListener = require('../reclaim/major-listener');
const { Pace } = require('../reclaim/pace');
const { GaugeLine } = require('../reclaim/pressure');
const { checkBytes, checkLabel, checkOptions } = require('../support/check');
const { ArgumentTypeError, ArgumentValueError } = require('../support/errors');

const EXPECTED = 'a function, or the address of a C function int64_t f(void)';

function readerOf(source) {
  if (typeof source === 'function') return source;
  const address = toAddress(source);
  if (address === undefined) throw new ArgumentTypeError(source, 'source', EXPECTED);
  if (address === 0n) throw new ArgumentValueError(source, 'source', EXPECTED);
  const library = binding.holdLibrary(address);
  return () => binding.readGauge(address, library);
}

class Gauge {
  #state;

  constructor(state) {
    this.#state = state;
  }

  get label() {
    return this.#state.label;
  }

  get bytes() {
    return gauges.has(this.#state) ? this.#state.bytes : 0;
  }

  close() {
    if (gauges.delete(this.#state)) chargeGauges();
    unusual.note(Unusual.GAUGED, gauges.size > 0);
  }
}

Gauge.prototype[Symbol.dispose ?? Symbol.for('Symbol.dispose')] = Gauge.prototype.close;

function boundOf(options, name) {
  const { [name]: bound = Infinity } = options;
  return bound === Infinity ? bound : checkBytes(bound, name);
}

/** Charges what `source` tells: the bytes that some library uses, by its own account. */
function gauge(label, source, options = {}) {
  checkOptions(options, ['budget', 'limit']);
  const { budget, limit } = options;
  const state = {
    label: checkLabel(label),
    read: readerOf(source),
    bytes: 0,
    peakBytes: 0,
    failed: 0,
    limit: boundOf(options, 'limit'),
    hasGrown: false,
    pace: null,
    line: null,
  };
  const own = boundOf(options, 'budget');
  if (budget !== undefined || limit !== undefined) {
    state.pace = new Pace(state, own === Infinity ? null : own);
    state.line = new GaugeLine(state);
  }
  gauges.add(state);
  unusual.note(Unusual.GAUGED, true);
  majorListener.listen();
  readUnowned();
  return new Gauge(state);
}

module.exports = { gauge };
