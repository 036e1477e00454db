'use strict';
// Where pointers are made. The pointers of one place have a kind of their own (kinds.js), so their figures are where
// those of all kinds are, and tracing costs nothing per pointer that lives.

const { findSourceMap } = require('node:module');
const { fileURLToPath } = require('node:url');
const { isOwnFile } = require('../support/packed');
const { kinds } = require('./kinds');
const { Unusual, unusual } = require('./unusual');

const FRAMES = 12;
// Of a use, which each call is: ours among them, which are two or three.
const FRAMES_OF_USE = 6;
// Where these are not enough, code is generated; each kind costs some hundred bytes.
const MOST_PLACES = 10_000;
// Tracing one costs less than touching its memory.
const LARGE = 1024 * 1024;

const tracing = { on: false, rate: 0, onOff: null };
let places = []; // { kind (a WeakRef), label, weight, frames, stack, lastUsed (place of the use -> how many were collected) }
const uses = new Map(); // key -> { frames, stack }
let refused = 0; // places, for want of room

/** Traces that share of the pointers, and all large ones; 0 for none. */
function setRate(rate) {
  tracing.rate = rate;
  tracing.on = rate > 0;
  unusual.note(Unusual.TRACED, tracing.on);
  if (!tracing.on) tracing.onOff?.();
}

/** The call sites that led to `func`, ours among them; at most `limit`. */
function callSites(limit = FRAMES, func = callSites) {
  const { stackTraceLimit, prepareStackTrace } = Error;
  const holder = {};
  try {
    Error.stackTraceLimit = limit;
    Error.prepareStackTrace = (_, sites) => sites;
    Error.captureStackTrace(holder, func);
    return holder.stack; // made when it is read
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  }
}

// Not the site itself: it refers to functions and objects.
function frameOf(site) {
  return {
    text: String(site),
    name: site.getFunctionName(),
    file: site.getFileName(),
    line: site.getLineNumber(),
    column: site.getColumnNumber(),
  };
}

/** Whether there is room for another place. Some may be gone, which it would be dear to find out each time. */
function hasRoom() {
  if (places.length >= MOST_PLACES && refused++ % 100 === 0) {
    places = places.filter(({ kind }) => kind.deref() !== undefined);
  }
  return places.length < MOST_PLACES;
}

/** Those of `sites` that are not ours, at most so many, and a text that only these have. */
function othersAmong(sites, most = Infinity) {
  const others = [];
  let key = '';
  for (const site of sites) {
    if (others.length === most) break;
    const file = site.getScriptNameOrSourceURL();
    if (isOwnFile(file ?? '')) continue;
    others.push(site);
    key += `|${file}:${site.getPosition()}`;
  }
  return { others, key };
}

function kindOfPlace(kind, size) {
  const weight = size < LARGE ? 1 / tracing.rate : 1;
  const { others, key: where } = othersAmong(callSites());
  const key = `${weight}${where}`;
  kind.traced ??= new Map();
  let own = kind.traced.get(key);
  if (own === undefined) {
    if (!hasRoom()) return kind;
    own = kinds.tellApart(kind);
    kind.traced.set(key, own);
    own.place = {
      ...{ kind: new WeakRef(own), label: own.label, weight },
      ...{ frames: others.map(frameOf), stack: null, lastUsed: new Map() },
    };
    places.push(own.place);
  }
  return own.library === null ? kinds.pin(own) : own;
}

/** The kind for a new pointer of `kind`: one of its own if the pointer is traced. REQUIRES: tracing.on. */
function traced(kind, size) {
  if (size < LARGE && Math.random() >= tracing.rate) return kind;
  try {
    return kindOfPlace(kind, size);
  } catch {
    return kind; // the stack is full, or there is no memory: the pointer must be tracked nevertheless
  }
}

/** The place in the program that has called `func`, which has used a pointer; undefined where there is no room. */
function placeOfUse(func) {
  try {
    const { others, key } = othersAmong(callSites(FRAMES_OF_USE, func));
    if (others.length === 0) return undefined; // a use of our own
    let use = uses.get(key);
    if (use === undefined && uses.size < MOST_PLACES) {
      uses.set(key, (use = { frames: others.map(frameOf), stack: null }));
    }
    return use;
  } catch {
    return undefined; // the stack is full
  }
}

/** A pointer that was made at `place` and last used at `use` was collected. */
function noteCollected({ lastUsed }, use) {
  lastUsed.set(use, (lastUsed.get(use) ?? 0) + 1);
}

const toPath = (source) => (source.startsWith('file:') ? fileURLToPath(source) : source);

/** The place in the source that a frame was compiled from; undefined where that is not known. */
function originOf({ file, line, column }) {
  const entry = file === null ? undefined : findSourceMap(file)?.findEntry(line - 1, column - 1);
  if (entry?.originalSource === undefined) return undefined;
  return {
    file: toPath(entry.originalSource),
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  };
}

/** A frame as V8 writes it, at its place in the source, with a path for the URL of an ES module. */
function written(frame) {
  const origin = originOf(frame);
  if (origin === undefined) return frame.text.replace(frame.file ?? '', toPath);
  const where = `${origin.file}:${origin.line}:${origin.column}`;
  return frame.name === null ? where : `${frame.name} (${where})`;
}

const stackOf = (place) =>
  (place.stack ??= place.frames.map((frame) => `    at ${written(frame)}`).join('\n'));

function addUses(lastUsed, place) {
  for (const [use, count] of place.lastUsed) {
    const stack = stackOf(use);
    let known = lastUsed.find((each) => each.stack === stack);
    if (known === undefined) lastUsed.push((known = { collected: 0, stack }));
    known.collected += Math.round(count * place.weight);
  }
  lastUsed.sort((a, b) => b.collected - a.collected);
}

/** What is alive of each place, and what was collected, the largest first. `figures` are those of all kinds, in columns. */
function readTraces(figures) {
  const found = new Map();
  for (const place of places) {
    const kind = place.kind.deref();
    if (kind === undefined || kind.isGone) continue;
    const pointers = figures.pointers[kind.id];
    const collected = figures.collected[kind.id];
    if (pointers === 0 && collected === 0) continue;
    const bytes = figures.bytes[kind.id];
    const { label } = place;
    const stack = stackOf(place);
    const key = `${label}\n${stack}`;
    let trace = found.get(key);
    if (trace === undefined) {
      trace = { label, bytes: 0, pointers: 0, collected: 0, samples: 0, stack, lastUsed: [] };
      found.set(key, trace);
    }
    addUses(trace.lastUsed, place);
    trace.bytes += Math.round(bytes * place.weight);
    trace.pointers += Math.round(pointers * place.weight);
    trace.collected += Math.round(collected * place.weight);
    trace.samples += pointers;
  }
  return [...found.values()].sort((a, b) => b.bytes - a.bytes || b.pointers - a.pointers);
}

/** A call site as V8 writes it, at its place in the source. */
const writtenSite = (site) => written(frameOf(site));

/** { name, file, line, column } of a call site, at its place in the source. */
function placeOfSite(site) {
  const { name, file, line, column } = frameOf(site);
  const place = {
    name: name ?? '(anonymous)',
    file: toPath(file ?? ''),
    line: line ?? 0,
    column: column ?? 0,
  };
  return { ...place, ...originOf({ file, line, column }) };
}

module.exports = {
  callSites,
  placeOfSite,
  hasTraces: () => places.length > 0,
  noteCollected,
  othersAmong,
  placeOfUse,
  readTraces,
  setRate,
  traced,
  tracing,
  writtenSite,
};
