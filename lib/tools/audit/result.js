'use strict';
// What the audit has found: the figures of each function over all threads, and findings where memory is lost.

const path = require('node:path');
const { performance } = require('node:perf_hooks');
const binding = require('../../binding');
const { stats } = require('../../figures/stats');
const { formatBytes } = require('../../support/bytes');
const { Places } = require('./places');
const { propose } = require('./proposal');
const { uncertainties } = require('./uncertain');

// Less than this is not worth a finding; nor is what so few calls have kept.
const WORTH = 8 * 1024;
const FEWEST_CALLS = 4;
const MANY = 0.5; // of what is made, that is freed
const MOST = 0.9; // of what a function makes, that it adds to objects of another
const PLACES = 5; // that are told

/** The makers of each function, added up, by what the native part has. */
function makersByFunction(growth) {
  const functions = new Map();
  const keys = []; // by number
  const wheres = []; // likewise, their places
  binding.auditMakers().forEach((maker, number) => {
    const [key, ...places] = maker.text.split('\n');
    wheres[number] = places.join('\n');
    keys[number] = key;
    let sum = functions.get(key);
    if (sum === undefined) {
      sum = {
        ...JSON.parse(key),
        numbers: [],
        places: new Places(),
        freedBy: new Map(),
        freedOtherwise: 0,
        enlargedBy: new Map(),
        addedTo: new Map(), // the sum of whose objects -> blocks
        addedBytes: 0,
        addedBlocks: 0,
        adders: [], // names of those who have added to its objects
      };
      for (const name of SUMMED) sum[name] = 0;
      functions.set(key, sum);
    }
    sum.numbers.push(number);
    for (const name of SUMMED) sum[name] += maker[name];
    if (maker.renamed !== 0) return;
    sum.places.add(wheres[number], maker.madeBytes - maker.freedBytes, growth.increase(number));
  });
  const add = (sums, key, amount) => sums.set(key, (sums.get(key) ?? 0) + amount);
  for (const { maker, by, enlarges, addsTo, asArgument, amount } of binding.auditActs()) {
    const sum = functions.get(keys[maker]);
    const other = by === 0 ? undefined : functions.get(keys[by]);
    if (addsTo) {
      if (other !== sum && other !== undefined) add(other.addedTo, sum, amount);
    } else if (enlarges) {
      if (other !== sum && other !== undefined) addEnlargement(sum.enlargedBy, other, wheres[by], amount);
    } else if (other !== undefined && asArgument) add(sum.freedBy, other.name, amount);
    else sum.freedOtherwise += amount;
  }
  return [...functions.values()];
}

function addEnlargement(enlargedBy, by, where, bytes) {
  let known = enlargedBy.get(by);
  if (known === undefined) enlargedBy.set(by, (known = { by, bytes: 0, places: new Places() }));
  known.bytes += bytes;
  known.places.add(where, bytes);
}

const SUMMED = [
  'madeBytes',
  'madeBlocks',
  'freedBytes',
  'freedBlocks',
  'calls',
  'keeping',
  'kept',
  'returned',
  'whole',
  'tracked',
  'trackedBytes',
  'adopted',
];
const ADDED = ['madeBytes', 'madeBlocks', 'freedBytes', 'freedBlocks', 'kept'];

function trackedAs({ label, tracked }, accounts) {
  if (label === undefined) return undefined;
  const account = accounts.find((each) => each.label === label);
  const each = account === undefined || account.tracked === 0 ? 0 : account.chargedBytes / account.tracked;
  return { label, bytes: account?.bytes ?? 0, pointers: tracked, each };
}

function figuresOf(sum, accounts) {
  const live = sum.madeBytes - sum.freedBytes;
  // What an asynchronous call has kept for its result is not known: as much as others.
  const guess = sum.asynchronous ? (sum.tracked * sum.madeBytes) / Math.max(sum.returned, 1) : 0;
  return {
    name: sum.name,
    library: sum.library,
    signature: sum.signature,
    calls: sum.calls,
    kept: sum.kept,
    perCall: sum.calls === 0 ? 0 : sum.kept / sum.calls,
    outstanding: Math.max(0, Math.round(live - Math.max(sum.trackedBytes, guess))),
    pointers: sum.returned - freedBlocks(sum),
    tracked: trackedAs(sum, accounts),
    adopted: sum.label === undefined && sum.adopted > 0 ? { pointers: sum.adopted } : undefined,
    freedBy: [...sum.freedBy]
      .map(([name, pointers]) => ({ name, pointers }))
      .sort((a, b) => b.pointers - a.pointers),
    places: sum.places.list().slice(0, PLACES),
    uncertain: uncertainties(sum),
  };
}

const freedBlocks = ({ freedBy, freedOtherwise }) =>
  [...freedBy.values()].reduce((total, blocks) => total + blocks, freedOtherwise);

/** A place as seen from where the program runs. */
const shortened = (place) => place.replace(process.cwd() + path.sep, '');

function leak(sum, figures, signatures) {
  const { text, code } = propose(sum, figures, signatures);
  const [place, other] = figures.places;
  const most = place?.bytes >= MANY * (figures.outstanding - sum.addedBytes) ? 'most of them' : 'the latest';
  const madeAt = other === undefined && most === 'most of them' ? 'made at' : `${most} made at`;
  const where = place === undefined ? '' : `, ${madeAt} ${shortened(place.stack.split('\n')[0])}`;
  // What asynchronous calls have kept is not known, nor what threads have that C starts: but what is left of it.
  const each = formatBytes(Math.round(Math.max(sum.kept, figures.outstanding) / Math.max(sum.keeping, 1)));
  const by = sum.adders.map((name) => `${name}()`).join(', ');
  const added = by === '' ? '' : `, with what ${by} ${sum.adders.length === 1 ? 'adds' : 'add'}`;
  const without = sum.kept < 0 ? 'frees more than it makes' : 'has memory made by other threads';
  const keeps = sum.keeping === 0 ? without : `keeps ${each} per call${added}`;
  return {
    kind: 'leak',
    function: figures.name,
    library: figures.library,
    bytes: figures.outstanding,
    places: figures.places,
    text:
      `${figures.name}() ${keeps}: ${formatBytes(figures.outstanding)} of ${sum.calls} calls were not given back` +
      `${where}. ${text}.`,
    code,
  };
}

/** Where it is not a matter of more objects, but of one that others make larger and larger: the largest of these. */
function enlargement(sum, { outstanding }) {
  if (sum.keeping >= FEWEST_CALLS) return undefined;
  const [most] = [...sum.enlargedBy.values()].sort((a, b) => b.bytes - a.bytes);
  return most !== undefined && most.bytes >= MANY * outstanding ? most : undefined;
}

function growing({ name }, { outstanding }, { by, places, bytes }) {
  const [place] = places.list();
  const where = place === undefined ? '' : `, most of it at ${shortened(place.stack.split('\n')[0])}`;
  return {
    kind: 'leak',
    function: by.name,
    library: by.library,
    bytes: outstanding,
    places: places.list().slice(0, PLACES),
    text:
      `${by.name}() makes what ${name}() has made larger and larger: by ${formatBytes(bytes)}${where}. ` +
      `Look in its documentation for what empties it.`,
    code: undefined,
  };
}

// Owned, but charged for much less than it keeps: V8 stays blind.
function undercharged(sum, figures) {
  if (figures.tracked === undefined || sum.keeping < FEWEST_CALLS) return null;
  const { label, each } = figures.tracked;
  const real = sum.kept / sum.keeping;
  if (each === 0 || real - each < WORTH || real < 2 * each) return null;
  return {
    kind: 'size',
    function: figures.name,
    library: figures.library,
    bytes: Math.round((real - each) * sum.keeping),
    places: figures.places,
    text:
      `${figures.name}() keeps ${formatBytes(real)} for each '${label}', which is charged with ${formatBytes(each)}. ` +
      `Leave its size out: then it is counted.`,
    code: `size: ${Math.round(real)}`,
  };
}

/** Whether what is left are some pointers that a call or two have in use. */
function isInUse({ kept, keeping, returned, freedBlocks: freed, madeBlocks }, { pointers, outstanding }) {
  if (returned === 0 || pointers >= FEWEST_CALLS || freed < MANY * madeBlocks) return false;
  return outstanding <= (FEWEST_CALLS * kept) / Math.max(keeping, 1);
}

function findingOf(sum, figures, growth, isCollected, signatures) {
  const wrongSize = undercharged(sum, figures);
  if (wrongSize !== null || figures.outstanding < WORTH) return wrongSize;
  if (isInUse(sum, figures)) return null;
  const frees = sum.freedBlocks >= MANY * sum.madeBlocks;
  const isGrowing = growth.isGrowing(sum.numbers, frees, isCollected);
  if (!(isGrowing ?? Math.max(sum.keeping, sum.returned) >= FEWEST_CALLS)) return null;
  const more = enlargement(sum, figures);
  return more === undefined ? leak(sum, figures, signatures) : growing(sum, figures, more);
}

/** The function whose objects most of what `sum` makes was added to, where many of these live, and are what grows. */
function makerOfObjects(sum) {
  const [maker, blocks] = [...sum.addedTo].sort(([, a], [, b]) => b - a)[0] ?? [];
  if (maker === undefined || maker.label !== undefined || blocks < MOST * sum.madeBlocks) return undefined;
  const ended = freedBlocks(maker) / maker.returned;
  const freed = sum.freedBytes / sum.madeBytes;
  // What is not freed with the objects does not belong to them.
  return maker.returned * (1 - ended) >= FEWEST_CALLS && freed >= MANY * ended ? maker : undefined;
}

/** What objects have come to keep since they were made counts to whoever made them: it goes with them. */
function countToObjects(sums, growth) {
  for (const sum of sums) {
    const maker = makerOfObjects(sum);
    if (maker === undefined || growth.isGrowing(maker.numbers, false, false) === false) continue;
    maker.addedBytes += sum.madeBytes - sum.freedBytes;
    maker.addedBlocks += sum.madeBlocks - sum.freedBlocks;
    for (const name of ADDED) {
      maker[name] += sum[name];
      sum[name] = 0;
    }
    maker.adders.push(sum.name);
  }
}

/** The figures as plain data. */
function resultOf({ calls, startedAt }) {
  for (const maker of calls.makers) maker.tell();
  const { accounts } = stats();
  const findings = [];
  const functions = [];
  const sums = makersByFunction(calls.growth);
  countToObjects(sums, calls.growth);
  // What belongs to pointers that are tracked goes with them.
  const isCollected = sums.some(({ adopted }) => adopted > 0);
  const signatures = new Map(sums.map(({ name, signature }) => [name, signature]));
  for (const sum of sums) {
    const own = calls.makers.filter(
      ({ facts: { name, library } }) => name === sum.name && library === sum.library,
    );
    sum.asynchronous = own.some(({ asynchronous }) => asynchronous);
    sum.givesBack = own.some(({ givesBack }) => givesBack);
    if (sum.calls === 0) continue;
    const figures = figuresOf(sum, accounts);
    functions.push(figures);
    const finding = findingOf(sum, figures, calls.growth, isCollected, signatures);
    if (finding !== null) findings.push(finding);
  }
  const most = (a, b) => b.outstanding - a.outstanding || b.kept - a.kept || b.calls - a.calls;
  return {
    measures: binding.canPatch,
    seconds: (performance.now() - startedAt) / 1000,
    calls: functions.reduce((total, each) => total + each.calls, 0),
    functions: functions.sort(most),
    findings: findings.sort((a, b) => b.bytes - a.bytes),
  };
}

module.exports = { resultOf };
