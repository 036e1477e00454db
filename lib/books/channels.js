'use strict';
// What is told to those who listen on node:diagnostics_channel. Where nobody does, nothing is measured.

const diagnostics = require('node:diagnostics_channel');
const binding = require('../binding');
const clock = require('../support/clock');

const { shared } = binding;

/**
 * The channel of that name, kept for as long as this thread. Where one dies, Node 20 and Bun soon forget whichever has
 * its name by then (nodejs/node#59910), and those who subscribe hear nothing. Jest loads this code for each test file.
 */
function channel(name) {
  return (shared[name] ??= diagnostics.channel(name));
}

const destructorErrors = channel('ffi-tally:destructor-error');
const collections = channel('ffi-tally:gc');
const sweeps = channel('ffi-tally:sweep');
const freed = channel('ffi-tally:freed');
const limits = channel('ffi-tally:limit');

/** Runs `collect`, a garbage collection of that type. */
function tellCollection(type, collect) {
  if (!collections.hasSubscribers) return collect();
  const start = clock.now();
  collect();
  collections.publish({ type, milliseconds: clock.now() - start });
}

/** Runs `sweep`, and returns what it does. */
function tellSweep(sweep) {
  if (!sweeps.hasSubscribers) return sweep();
  const bytes = binding.deadBytes();
  const pointers = binding.deadPointers();
  const result = sweep();
  const found = binding.deadPointers() - pointers;
  if (found > 0) sweeps.publish({ bytes: binding.deadBytes() - bytes, pointers: found });
  return result;
}

/** Runs `free`, which frees what is dead, and returns what it does. */
function tellFreed(free) {
  if (!freed.hasSubscribers) return free();
  const bytes = binding.bytes();
  const pointers = binding.pointers();
  const result = free();
  const gone = pointers - binding.pointers();
  if (gone > 0) freed.publish({ bytes: bytes - binding.bytes(), pointers: gone });
  return result;
}

module.exports = { channel, destructorErrors, limits, tellCollection, tellFreed, tellSweep };
