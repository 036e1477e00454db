'use strict';
// What is charged without a pointer, and when it is read.

const { inspect } = require('node:util');
const binding = require('../binding');
const { checkSize } = require('../support/check');
const { Gate } = require('../support/stack');
const calls = require('./c-calls');
const { channel } = require('./channels');

const foreignFrees = channel('ffi-tally:foreign-free');
const gaugeErrors = channel('ffi-tally:gauge-error');
const warned = new Set();

const meters = new Map(); // label -> { meter, index }
const gauges = new Set();

// Bytes by which gauges may grow before they are read again, and the most pointers tracked meanwhile: a gauge may ask a
// driver, which takes longer than to track a pointer.
const STRIDE = 1024 * 1024;
const MOST_UNREAD = 8;

/** When gauges are read next: the bytes that a pointer adds to them are estimated. */
class Look {
  #unit = Infinity; // bytes for each pointer: the most, which fades
  #pointers = 1; // since the last look
  #left = 1;

  /** Whether the pointer that is tracked now is one to look at. */
  get isDue() {
    return --this.#left <= 0;
  }

  /** Reads all gauges, and decides when to do so again. */
  take() {
    const [before] = totals;
    readUnowned();
    const grown = Math.max(totals[0] - before, 0) / this.#pointers;
    this.#unit = Math.max(Math.min(this.#unit, STRIDE * MOST_UNREAD) * 0.9, grown);
    this.#pointers = this.#left = Math.max(Math.min(Math.floor(this.#roomOf() / this.#unit), MOST_UNREAD), 1);
  }

  #roomOf() {
    let room = STRIDE;
    for (const { bytes, limit } of gauges) room = Math.min(room, limit - bytes);
    return room;
  }
}

// Bytes of all gauges. In a typed array: a variable would be a new heap number at every change.
const totals = new Float64Array(1);
const look = new Look();

function warn(code, key, text, detail) {
  if (warned.has(code + key)) return;
  warned.add(code + key);
  process.emitWarning(text, { type: 'FfiTallyWarning', code, detail });
}

function describe({ address, freedBy, allocatedBy, again }) {
  const what = `0x${address.toString(16)}`;
  if (again)
    return `'${freedBy}' was to free ${what}, which '${allocatedBy}' had allocated and which is freed`;
  if (allocatedBy === undefined)
    return `'${freedBy}' was to free ${what}, which no checked meter has allocated`;
  return `'${freedBy}' was to free ${what}, which '${allocatedBy}' has allocated`;
}

function tellReports() {
  for (let report = binding.nextReport(); report !== undefined; report = binding.nextReport()) {
    if (foreignFrees.hasSubscribers) foreignFrees.publish(report);
    const { freedBy, allocatedBy } = report;
    const detail =
      allocatedBy === undefined || report.again
        ? 'Nothing was freed.'
        : `It was freed, and '${allocatedBy}' has got its bytes back.`;
    warn('FFI_TALLY_FOREIGN_FREE', `${freedBy} ${allocatedBy}`, describe(report), detail);
  }
}

function tellLateHooks(figures) {
  for (const { label, foreign, checked } of figures) {
    if (foreign === 0 || checked) continue;
    warn(
      'FFI_TALLY_FOREIGN_FREE',
      label,
      `'${label}' has freed more than it had allocated`,
      'Its functions were given to the library too late: it had allocated memory with others. That memory is not counted.',
    );
  }
}

function readGauge(gauge) {
  try {
    const bytes = checkSize(gauge.read(), 'bytes');
    gauge.hasGrown = bytes > gauge.bytes;
    gauge.bytes = bytes;
    gauge.peakBytes = Math.max(gauge.peakBytes, gauge.bytes);
  } catch (error) {
    gauge.failed++;
    const { label } = gauge;
    queueMicrotask(() => {
      if (gaugeErrors.hasSubscribers) gaugeErrors.publish({ label, error });
      const text = `The gauge '${label}' failed: ${inspect(error)}`;
      warn(
        'FFI_TALLY_GAUGE',
        label,
        text,
        'What it had told before stands. Further failures are counted, not announced.',
      );
    });
  }
}

const gate = new Gate();

function readAll() {
  for (const gauge of [...gauges]) readGauge(gauge);
}

// A gauge may call into C, so not while C is on the stack; and what it does may bring us here again.
function readGauges() {
  if (!gate.isOpen || !calls.isIdle) return;
  gate.run(readAll);
  chargeGauges();
}

/** Charges what the gauges have told, but for those that have a budget of their own. */
function chargeGauges() {
  let bytes = 0;
  totals[0] = 0;
  for (const gauge of gauges) {
    totals[0] += gauge.bytes;
    if (gauge.pace === null) bytes += gauge.bytes;
  }
  binding.chargeGauges(Math.min(bytes, Number.MAX_SAFE_INTEGER));
}

/** What holds most bytes, as entries of stats(): accounts, gauges and meters. */
function largest(most) {
  return [
    ...binding.largestAccounts(most),
    ...gauges,
    ...binding.meters().map(({ label, charged }) => ({ label, bytes: charged })),
  ]
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, most);
}

/** Whether `value` is what meteredAllocator() has returned here. */
function isMeter(value) {
  return typeof value === 'object' && value !== null && meters.get(value.label)?.meter === value;
}

/** Whether there is anything to read. */
function isWatching() {
  return meters.size > 0 || gauges.size > 0;
}

/** Reads all meters and gauges. */
function readUnowned() {
  if (gauges.size > 0) readGauges();
  if (meters.size === 0) return;
  binding.readMeters();
  tellReports();
  tellLateHooks(binding.meters());
}

module.exports = {
  ...{ chargeGauges, foreignFrees, gauges, isMeter, isWatching },
  ...{ largest, look, meters, readUnowned, warn },
};
