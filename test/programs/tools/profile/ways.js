'use strict';
// The ways in which memory comes to be: before the profile, through ownership, from a callback, from libc itself.

const { begin, koffi, load, say, sum } = require('./setup.js');

const lib = load();
const early = lib.func('Thing *thing_new(int64_t bytes)');
koffi.owned('OwnedThing', 'Thing *', { free: 'thing_free' });
const earlyOwned = lib.func('OwnedThing thing_new(int64_t bytes)');

const profile = begin();
koffi.owned('LateThing', 'Thing *', { free: 'thing_free' });
const lateOwned = lib.func('LateThing thing_new(int64_t bytes)');
const late = lib.func('Thing *thing_new(int64_t bytes)');
const proto = koffi.proto('int Callback(Thing *thing, int value)');
const call = lib.func('int thing_call(Thing *thing, Callback *callback, int value)');
const libc = koffi.load('libc.so.6');
const malloc = libc.func('void *malloc(size_t bytes)');
const free = libc.func('void free(void *block)');

const LARGE = 10_000_000; // which no sample misses
function unseen() {
  return early(LARGE);
}
function ownedEarly() {
  return earlyOwned(LARGE);
}
function ownedLate() {
  return lateOwned(LARGE);
}
function inCallback() {
  return late(LARGE);
}
function calling(thing) {
  call(thing, () => (inCallback(), 0), 1);
}
function direct() {
  return malloc(LARGE);
}

const things = [ownedEarly(), ownedLate()];
const thing = unseen();
const block = direct();
calling(thing);
const names = ['ownedEarly', 'ownedLate', 'inCallback', 'calling', 'direct', 'unseen', '(call not seen)'];
const sums = () => {
  const read = profile.read();
  return Object.fromEntries(names.map((name) => [name, sum(read, 'inUse', name)]));
};
const made = sums();
things.forEach((each) => each.dispose());
free(block);
const left = sums();
profile.stop();
void proto;
say({ made, left });
