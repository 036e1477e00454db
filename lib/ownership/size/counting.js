'use strict';
// Counts what the calls of metered libraries allocate and do not free, to the byte. Each object has an account; while a call
// that makes or uses the object runs, the account's number stands in the block of doubles that native code counts in. So a
// call costs some writes of numbers.

const binding = require('../../binding');
const calls = require('../../books/c-calls');
const checked = require('../../books/checked');
const hook = require('../../pointers/observer-hook');
const { access } = require('../../pointers/tracked-pointer');

const { MARK, MADE, GIVEN, OTHERS, STALE, MAKER, SAMPLES } = binding.protocol.threadBlock;
const MOST_ACCOUNTS = 2 ** 30; // then their numbers begin again
const MOST_PENDING = 4096;

let block = null; // the doubles of this thread
let first = 0; // of the accounts
let accounts = 0; // how many there have been
let seen = 0; // OTHERS when the changes of other accounts were taken last
const pending = new Map(); // account -> bytes that it has lost or got while others were marked

// The arguments of the call that begins.
let user = null; // the first that it borrows, or else the first that it takes
let isUserTaken = false;
let taken = []; // those that it takes: [account, bytes, ...]

// What the last call has left to decide(); null where it takes nothing.
let moving = null;

// Of the last call that made something.
let account = 0; // 0: there was none, or what it made was taken
let bytes = 0;
let maker = null; // what is known of its function: see begin()

function open() {
  if (block !== null) return;
  block = new Float64Array(binding.threadBlock());
  first = binding.newAccounts();
  calls.onCutOff(cutOff);
}

class Frame {
  isOpen = false;
  mark = 0;
  made = 0;
  given = 0;
  account = 0;
  about = null;
  user = null;
  taken = null; // [account, bytes, ...]; null where there are none

  constructor(depth) {
    this.depth = depth;
  }
}

const frames = [new Frame(0)];
let depth = 0;

/**
 * Begins to count a call of a function, of which `makes` says whether its result is an object, `notes` whether its arguments
 * were noted, `replaces` whether what it takes becomes its result, `allocates()` whether it is C's allocator, and `name` what C
 * calls it.
 */
function begin(about) {
  const { makes } = about;
  if (!about.notes) forgetArguments();
  const by = user;
  let of = 0;
  if (makes && !(about.replaces && by !== null && isUserTaken)) {
    of = accounts = (accounts % MOST_ACCOUNTS) + 1;
  } else if (by !== null) {
    of = access.accountOf(by);
  }
  const frame = frames[depth] ?? (frames[depth] = new Frame(depth)); // which a full stack may refuse
  depth++;
  frame.account = of;
  if (of === 0) return frame;
  frame.isOpen = true;
  frame.user = by;
  frame.about = about;
  frame.taken = noted();
  user = null;
  frame.mark = block[MARK];
  frame.made = block[MADE];
  frame.given = block[GIVEN];
  block[MARK] = first + of;
  block[MADE] = 0;
  block[GIVEN] = 0;
  return frame;
}

/** Nobody calls with what was noted. */
function forgetArguments() {
  user = null;
  if (taken.length > 0) taken = [];
}

// Those that are taken, of the arguments noted last.
function noted() {
  if (taken.length === 0) return null;
  const all = taken;
  taken = [];
  return all;
}

/** The call has returned. */
function end(frame) {
  depth = frame.depth;
  const of = frame.account;
  if (of === 0) return;
  let net = restore(frame);
  const by = frame.user;
  frame.user = null;
  if (block[OTHERS] !== seen || block[STALE] !== 0) follow(frame.about.name);
  if (pending.size > 0) net += changeOf(of);
  const { makes } = frame.about;
  if (makes) {
    account = of;
    bytes = net;
    maker = frame.about;
  }
  if (frame.taken !== null) leave(frame, by, makes ? 0 : net);
  else if (!makes && net !== 0) change(by, net);
}

function change(pointer, net) {
  if (!pointer.disposed) access.setSize(pointer, Math.max(pointer.size + net, 0));
}

/** It has thrown, or the stack was too full for end(). */
function abandon(frame) {
  depth = frame.depth;
  if (frame.account === 0 || !frame.isOpen) return;
  const net = restore(frame);
  const by = frame.user;
  frame.user = null;
  if (frame.taken !== null) leave(frame, by, 0);
  if (net !== 0 && !frame.about.makes) noteChange(frame.account, net); // for the object's next call
}

// Whose the taken ones are from now on is not known before what the call has returned was looked at.
function leave(frame, by, net) {
  moving = { of: frame.account, by, makes: frame.about.makes, net, taken: frame.taken };
  frame.taken = null;
}

// Returns what the call has allocated and not freed.
function restore(frame) {
  const net = block[MADE] - block[GIVEN];
  block[MARK] = frame.mark;
  block[MADE] = frame.made;
  block[GIVEN] = frame.given;
  frame.isOpen = false;
  return net;
}

// The calls were taken off the stack without returning.
function cutOff() {
  while (depth > 0) abandon(frames[depth - 1]);
  block[MARK] = 0;
  block[MAKER] = 0;
  moving = null;
  forgetMade();
  forgetArguments();
}

/** The doubles of this thread. */
function threadBlock() {
  open();
  return block;
}

/** Calls `callback` for C: what JavaScript allocates in there is nobody's, and each of its calls counts for itself. */
function callUnmarked(callback, self, args) {
  if (block === null || block[MARK] === 0) return callback.apply(self, args);
  const mark = block[MARK];
  block[MARK] = 0; // and it stays so where JavaScript is cut off in there
  try {
    return callback.apply(self, args);
  } finally {
    block[MARK] = mark;
  }
}

// What is rare, and asks native code.
function follow(name) {
  // Before what has changed is taken: from then on it is stale again.
  if (block[STALE] !== 0) binding.patchNewSlots();
  seen = block[OTHERS];
  if (checked.on) checked.tellLosses(name);
  if (block[SAMPLES] !== 0) hook.profiler?.told(name);
  const changes = binding.takeChanges(first);
  for (let i = 0; i < changes.length; i += 2) {
    const of = changes[i] - first;
    noteChange(of, changes[i + 1]);
  }
  for (const of of pending.keys()) {
    if (pending.size <= MOST_PENDING) break;
    pending.delete(of); // the oldest: nobody may ask for it any more
  }
}

function noteChange(of, change) {
  pending.set(of, (pending.get(of) ?? 0) + change);
}

function changeOf(of) {
  const change = pending.get(of);
  if (change === undefined) return 0;
  pending.delete(of);
  return change;
}

/** What the last call has left to decide(), once. */
function takeMoving() {
  const last = moving;
  moving = null;
  return last;
}

/** The same for a call on another thread that was given what was noted last: not counted, what it makes has no account. */
function moveAsync() {
  const by = user;
  const all = noted();
  forgetArguments();
  return all === null ? null : { of: access.accountOf(by), by, makes: false, net: 0, taken: all };
}

/** Whether C has taken those objects: then they are part of the call's user, or of what it has made. */
function decide({ of, by, makes, net, taken: all }, isTaken) {
  const sum = net + (isTaken ? merge(all, of) : 0);
  if (makes) bytes += sum;
  else if (sum !== 0) change(by, sum);
}

// Those in `all` belong to the account `to`. Returns their bytes.
function merge(all, to) {
  let sum = 0;
  for (let i = 0; i < all.length; i += 2) {
    const from = all[i];
    const size = Math.max(all[i + 1] + changeOf(from), 0);
    sum += size;
    if (from !== to) binding.mergeAccounts(first + from, first + to, size);
  }
  return sum;
}

/** Notes `value` as an argument of the call that is about to begin. */
function note(value, takes) {
  if (!access.isTracked(value) || access.accountOf(value) === 0) return;
  if (takes) taken.push(access.accountOf(value), value.size);
  if (user === null || (isUserTaken && !takes)) {
    user = value;
    isUserTaken = takes;
  }
}

/** What the last call has made: its account, 0 if nobody counted. `take.bytes` are its bytes then. */
function take() {
  const of = account;
  account = 0;
  take.account = of;
  take.bytes = Math.max(bytes, 0);
  return of;
}

/** Nobody takes what the last call has made. */
function forgetMade() {
  account = 0;
}

/** Runs `run`, in which functions of the user's may call C: what the last call has made and moved is still to be had after it. */
function aside(run) {
  const last = [account, bytes, maker, moving];
  try {
    return run();
  } finally {
    [account, bytes, maker, moving] = last;
  }
}

/**
 * Counts the block at `address`, if the call of which take() has told was one of C's allocator itself. Returns its bytes
 * then.
 */
function adoptTaken(address) {
  if (take.account === 0 || !maker.allocates()) return undefined;
  return binding.adoptBlock(address, first + take.account);
}

/** The address of what runs when C's function at `address` is called to free what is counted; undefined until something is. */
function freeingAddress(address) {
  return block === null ? undefined : binding.countingFree(address);
}

module.exports = {
  abandon,
  adoptTaken,
  aside,
  begin,
  callUnmarked,
  decide,
  end,
  forgetArguments,
  forgetMade,
  freeingAddress,
  moveAsync,
  note,
  open,
  take,
  takeMoving,
  threadBlock,
};
