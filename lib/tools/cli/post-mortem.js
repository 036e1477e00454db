'use strict';
// ffi-tally post-mortem: what a black box (native/base/black_box.h) says of a process that is gone.

const fs = require('node:fs');
const os = require('node:os');
const { formatBytes } = require('../../support/bytes');

const MAGIC = 'ffi-tally black box 1\n';
const SIGNAL = 32;
const ENDED = 36;
const HEAD = 4096;
const SLOT = 16384;
const TEXT = 12;
// So near to a limit of the kernel, a process that was killed was killed for it.
const FULL = 0.8;

function checksum(number, bytes) {
  let sum = (2166136261 ^ number) >>> 0;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 16777619);
  return sum >>> 0;
}

/** { number, state } of a slot that is whole, or null. */
function readSlot(file, at) {
  const number = file.readUInt32LE(at);
  const length = file.readUInt32LE(at + 8);
  if (number === 0 || length > SLOT - TEXT) return null;
  const bytes = file.subarray(at + TEXT, at + TEXT + length);
  if (checksum(number, bytes) !== file.readUInt32LE(at + 4)) return null;
  return { number, state: JSON.parse(bytes.toString()) };
}

/** The black box in `file`: { state, signal, ended }, where `state` is null if nothing was written; null for no such box. */
function readBlackBox(file) {
  const bytes = fs.readFileSync(file);
  if (bytes.length < HEAD + 2 * SLOT || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return null;
  const slots = [HEAD, HEAD + SLOT].map((at) => readSlot(bytes, at)).filter((slot) => slot !== null);
  slots.sort((a, b) => b.number - a.number);
  const number = bytes.readUInt32LE(SIGNAL);
  const signal = Object.entries(os.constants.signals).find(([, each]) => each === number)?.[0] ?? null;
  return { state: slots[0]?.state ?? null, signal, ended: bytes.readUInt32LE(ENDED) === 1 };
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** What the end was: 'running', 'exit', 'crash', 'oom' or 'killed'. */
function causeOf({ state, signal, ended }) {
  if (signal !== null) return 'crash';
  if (ended) return 'exit';
  if (state === null) return 'killed';
  if (isAlive(state.pid)) return 'running';
  const limit = state.kernelLimit;
  return limit > 0 && state.usage >= limit * FULL ? 'oom' : 'killed';
}

const CAUSES = {
  running: () => 'The process is still running, or another has its number.',
  exit: () => 'The process came to its own end.',
  crash: ({ signal }) => `The process crashed: ${signal}.`,
  oom: ({ state }) =>
    `The process was killed, most likely by the kernel for want of memory: it had ${formatBytes(state.usage)} of the ` +
    `${formatBytes(state.kernelLimit)} that its cgroup allows.`,
  killed: () =>
    'The process was killed (SIGKILL, or the machine stopped), and not for a memory limit that is known.',
};

function formatState(state) {
  const { time, pid, usage, limit, bytes, pointers, manual, outside, dead, threads, accounts, samples } =
    state;
  const rows = accounts.map(
    (row) =>
      `  ${row.label}: ${formatBytes(row.bytes)} in ${row.pointers} pointer${row.pointers === 1 ? '' : 's'}`,
  );
  const history = samples.map(
    ([at, ...figures]) =>
      `  ${((at - time) / 1000).toFixed(0).padStart(4)} s${figures.map((bytes) => formatBytes(bytes).padStart(12)).join('')}`,
  );
  return [
    `Last written ${new Date(time).toISOString()} by process ${pid}:`,
    `  memory ${formatBytes(usage)}${limit > 0 ? `, limit ${formatBytes(limit)}` : ''}`,
    `  tracked ${formatBytes(bytes)} in ${pointers} pointers of ${threads} thread${threads === 1 ? '' : 's'}, ` +
      `of these dead ${formatBytes(dead)}`,
    `  by hand ${formatBytes(manual)}, meters and gauges ${formatBytes(outside)}`,
    '',
    'Largest accounts:',
    ...(rows.length > 0 ? rows : ['  none']),
    '',
    'The last minute (memory, tracked):',
    ...history,
  ].join('\n');
}

/** The report as text. */
function formatPostMortem(box) {
  const cause = CAUSES[causeOf(box)](box);
  return `${cause}\n\n${box.state === null ? 'Nothing was written before that.' : formatState(box.state)}\n`;
}

module.exports = { causeOf, formatPostMortem, readBlackBox };
