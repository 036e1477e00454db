'use strict';
// What a recorded run says about the memory of the program.

const { TEXTS, endOf, failure, idleText, nothingFound } = require('./sentences');
const { trendOf } = require('./trend');

// While modules are loaded and functions compiled, everything grows.
const WARM_UP = 0.1; // of the time
// Exit codes; help.js tells them.
const FINE = 0;
const TRAP = 1;
const FAILED = 3;

// Samples for a judgement, and seconds: a program that starts grows in all its parts.
const FEWEST = 10;
const SHORTEST = 1.5;

/** The terms of the resident memory, and the bytes from which their growth is one; a fragmented heap is no leak. */
const WORTH = {
  heap: 8e6,
  buffers: 24e6,
  tracked: 24e6,
  untracked: 8e6,
  fragmentation: Infinity,
  rest: 16e6,
};
// What waits for a collection grows until there is one: by how much it must have grown if there has been none.
const WORTH_UNCOLLECTED = { heap: Infinity, buffers: 96e6, tracked: 128e6 };
// So many collections show what is kept: of the heap between the first and the last, of the others up to the last. That
// much of the growth must be there.
const COLLECTIONS = { heap: 2, buffers: 1, tracked: 1 };
const KEPT = 0.25;
const AT_CAP = 8e6;
const MOST_CHILDREN = 3; // that are told of one by one

const KINDS = {
  heap: 'javascript',
  buffers: 'buffers',
  tracked: 'tracked',
  untracked: 'native',
  rest: 'native',
  fragmentation: 'fragmentation',
};

function valueOf(sample, term) {
  // The heap takes memory in large steps, and in between it would seem to have stopped growing.
  if (term === 'heap') return sample.heapUsed ?? sample.heap;
  // What counting the blocks takes is not the program's.
  return term === 'rest' ? sample.rest - (sample.tables ?? 0) : sample[term];
}

function seriesOf(samples, term) {
  return samples
    .map((sample) => ({ seconds: sample.seconds, value: valueOf(sample, term) }))
    .filter(({ value }) => value !== undefined);
}

// What was asked for is untracked at once, and missing in the rest until it is touched: that the rest makes up for it is
// no growth.
const unheldOf = (sample) => (sample.untracked ?? 0) + (sample.fragmentation ?? 0) + valueOf(sample, 'rest');

/** The samples from the time on when the program has loaded what it needs. */
function warmSamples({ samples, seconds }) {
  const start = (samples[0]?.seconds ?? 0) + seconds * WARM_UP;
  const warm = samples.filter((sample) => sample.seconds >= start);
  return warm.length >= FEWEST ? warm : samples;
}

/** The growth of each term, those that are known. */
function growths(run) {
  const samples = warmSamples(run);
  const found = {};
  for (const term of Object.keys(WORTH)) {
    const growth = trendOf(seriesOf(samples, term), WORTH[term]);
    if (growth !== null) found[term] = growth;
  }
  if (found.rest?.isSteady) {
    const unheld = samples.map((sample) => ({ seconds: sample.seconds, value: unheldOf(sample) }));
    found.rest.isSteady = trendOf(unheld, WORTH.rest).isSteady;
  }
  for (const term of Object.keys(WORTH_UNCOLLECTED)) {
    if (found[term] === undefined) continue;
    found[term].isKept = isKept(run, samples, term, found[term]);
    found[term].isSteady &&= found[term].isKept;
  }
  return found;
}

/** Whether `term` has grown although V8 has collected since. */
function isKept(run, samples, term, { begin, beside, bytes }) {
  if (beside >= WORTH_UNCOLLECTED[term]) return true;
  const series = seriesOf(samples, term);
  const end = series.at(-1).seconds;
  const since = run.collections.filter(({ seconds }) => seconds >= begin && seconds <= end);
  if (since.length < COLLECTIONS[term]) return false;
  const from = term === 'heap' ? since[0].seconds : series[0].seconds;
  const before = series.find(({ seconds }) => seconds >= from).value;
  const last = since.at(-1).seconds;
  const after = series.reduce(
    (least, { seconds, value }) => (seconds < last ? least : Math.min(least, value)),
    Infinity,
  );
  return after - before >= KEPT * bytes;
}

/** The term that has grown most, of those that did so steadily; killed at the cap, of all. */
function worst(run, found) {
  const candidates = Object.entries(found)
    .filter(([, growth]) => (run.cap === undefined ? growth.isSteady : growth.bytes >= AT_CAP))
    .filter(([term, growth]) => term !== 'heap' || growth.isKept)
    .sort(([, a], [, b]) => b.bytes - a.bytes);
  return candidates[0];
}

/**
 * The seconds until the end of the run in which a thread was at work and told nothing, if `term` may have grown for
 * that reason: what the thread makes in JavaScript looks like native memory until it tells of it.
 */
function unclearSeconds(run, term, { bytes }) {
  const last = run.samples.at(-1);
  const silent = (last.silent ?? 0) / 1000;
  if (silent === 0 || (run.audit?.findings ?? []).reduce((sum, each) => sum + each.bytes, 0) >= bytes / 2)
    return 0;
  const told = run.samples.findLast(({ seconds }) => seconds <= last.seconds - silent) ?? run.samples[0];
  return valueOf(last, term) - valueOf(told, term) >= bytes / 2 ? silent : 0;
}

const isTooShort = ({ samples, seconds }) => samples.length < FEWEST || seconds < SHORTEST;

/** V8 ends the process by itself when its heap is full. */
const heapIsFull = ({ exit }) => exit?.heapFull === true;

function kindOf(run, found) {
  if (heapIsFull(run)) return ['heap', found.heap];
  const [term, growth] = (run.cap === undefined && isTooShort(run) ? undefined : worst(run, found)) ?? [];
  if (term !== undefined) {
    const unclear = KINDS[term] === 'native' ? unclearSeconds(run, term, growth) : 0;
    return unclear > 0 ? ['unclear', { ...growth, unclear }] : [KINDS[term], growth];
  }
  return [run.audit?.findings.length > 0 ? 'audit' : 'none', undefined];
}

function findingOf(run, kind, growth, found) {
  if (!run.started) return [];
  if (kind !== 'none') return [TEXTS[kind](growth, run)];
  if (run.cap !== undefined) return ['No single part of the memory stands out.'];
  if (isTooShort(run)) {
    const needed = run.seconds < SHORTEST ? `, which takes ${SHORTEST} s` : '';
    return [`It ran for ${run.seconds.toFixed(1)} s: too short to judge${needed}.`];
  }
  return [...idleText(run), nothingFound(found)];
}

/** What is said of one process. */
function judgeProcess(run) {
  const found = growths(run);
  const [kind, growth] = kindOf(run, found);
  const failed = run.cap === undefined ? failure(run) : undefined;
  const trap = kind !== 'none' || run.cap !== undefined;
  return {
    kind,
    trap,
    text: [...endOf(run, failed), ...findingOf(run, kind, growth, found)].join(' '),
    growths: found,
    exitCode: trap ? TRAP : failed === undefined ? FINE : FAILED,
  };
}

const nameOf = ({ pid, command = [] }) => `Process ${pid} (node ${command.join(' ')})`;

/** { kind, trap, text, growths, exitCode } of a run; if only a process that it has started leaks, of that one. */
function judge(run) {
  const own = judgeProcess(run);
  const children = (run.children ?? []).map((child) => [child, judgeProcess(child)]);
  const leaking = children.filter(([, { trap, kind }]) => trap && kind !== 'audit');
  const texts = leaking.slice(0, MOST_CHILDREN).map(([child, { text }]) => `${nameOf(child)}: ${text}`);
  if (leaking.length > MOST_CHILDREN)
    texts.push(`${leaking.length - MOST_CHILDREN} more of its processes leak.`);
  if ((run.unwatched ?? []).length > 0) texts.push(`Not watched: ${run.unwatched.join(', ')}.`);
  const isOwn = leaking.length === 0 || (own.trap && own.kind !== 'audit');
  const { kind } = isOwn ? own : leaking[0][1];
  const trap = own.trap || leaking.length > 0;
  return {
    ...own,
    kind,
    trap,
    text: [own.text, ...texts].join('\n'),
    exitCode: trap ? TRAP : own.exitCode,
  };
}

module.exports = { judge };
