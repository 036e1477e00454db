'use strict';
// Counts what the calls of metered libraries allocate and do not free, to the byte. Each object has an account; while a call
// that makes or uses the object runs, the account's number stands in the block of doubles that native code counts in. So a
// call costs some writes of numbers.

const binding = require('../../binding');
const calls = require('../../books/c-calls');
const checked = require('../../books/checked');
const hook = require('../../pointers/observer-hook');
const { access } = require('../../pointers/tracked-pointer');

const { MARK, NET, OTHERS, STALE, MAKER, SAMPLES, THREADS, MOST_CHANGES } = binding.protocol.threadBlock;
const MOST_ACCOUNTS = 2 ** 30 - 1; // then their numbers begin again

// The doubles of this thread; V8 knows where a constant is.
const block = new Float64Array(binding.threadBlock());
// What changes with each call. A variable would be checked at each use: for whether it is initialized, and what it holds.
const state = {
  first: 0, // of the accounts, of which there is none before open()
  accounts: 0, // how many there have been
  seen: 0, // OTHERS when the changes of other accounts were taken last
  depth: 0, // how many of the calls are on the stack
  // What the outermost of them has found, if begin() has made no frame for it.
  mark: 0,
  net: 0,
  // The arguments of the call that begins.
  user: null, // the first that it borrows, or else the first that it takes
  isUserTaken: false,
  taken: null, // those that it takes: [account, bytes, ...]; null for none
};
const pending = new Map(); // account -> bytes that it has lost or got while others were marked

// What the last call has left to decide(); null where it takes nothing.
let moving = null;

// Where the FFI makes the call on another thread that begins, so that it is counted; 0n: where C's function is.
let stub = 0n;

// Of the last call that made something: its account, or 0 when there was none or what it made was taken; the bytes; and what is
// known of its function, see begin().
const made = { account: 0, bytes: 0, about: null };

function open() {
  if (state.first !== 0) return;
  state.first = binding.newAccounts();
  calls.onCutOff(cutOff);
}

class Frame {
  account = 0; // 0: it counts nothing, or no more
  mark = 0;
  net = 0;
  about = null;
  user = null;
  taken = null; // [account, bytes, ...]; null where there are none
  stub = 0n; // of a call on another thread

  constructor(depth) {
    this.depth = depth;
  }
}

const frames = [new Frame(0)];

/** The account of a call with what was noted; 0 for none. */
function accountFor(about) {
  const { user, isUserTaken } = state;
  if (about.makes && (user === null || !isUserTaken || !about.replaces)) return newAccount();
  return user === null ? 0 : accountOfUser(user);
}

function accountOfUser(user) {
  const of = access.accountOf(user);
  // Those that work for this object, whenever it is used.
  if (block[THREADS] !== 0 && of !== 0) binding.resumeThreads(state.first + of);
  return of;
}

function newAccount() {
  return (state.accounts = (state.accounts & MOST_ACCOUNTS) + 1);
}

/**
 * Begins to count a call of a function, of which `makes` says whether its result is an object, `notes` whether its arguments
 * were noted, `replaces` whether what it takes becomes its result, `allocates()` whether it is C's allocator, `address()` where
 * it is, if anybody knows, and `name` what C calls it. Returns what end() wants: the account, if it is the outermost call and
 * makes an object of nothing that is counted, and else a frame. Most calls are of the first sort, and this is short, so that V8
 * puts it into its callers.
 */
function begin(about) {
  if (state.user !== null || state.depth !== 0 || about.makes !== true) return pushFrame(about);
  const of = newAccount(); // which a full stack may refuse
  state.depth = 1;
  state.mark = block[MARK];
  state.net = block[NET];
  block[MARK] = state.first + of;
  block[NET] = 0;
  return of;
}

function pushFrame(about) {
  if (state.user !== null && !about.notes) forgetArguments();
  const of = accountFor(about);
  const { depth } = state;
  const frame = frames[depth] ?? (frames[depth] = new Frame(depth)); // which a full stack may refuse
  state.depth = depth + 1;
  if (of === 0) return frame;
  frame.mark = block[MARK];
  frame.net = block[NET];
  frame.about = about;
  if (state.user !== null) {
    frame.user = state.user;
    frame.taken = state.taken;
    state.user = null;
    state.taken = null;
  }
  frame.account = of;
  block[MARK] = state.first + of;
  block[NET] = 0;
  return frame;
}

/** Nobody calls with what was noted. */
function forgetArguments() {
  state.user = null;
  state.taken = null;
}

/** The call of the function that `about` is about has returned. */
function end(call, about) {
  if (typeof call !== 'number') return popFrame(call);
  made.account = call;
  made.bytes = block[NET];
  made.about = about;
  block[MARK] = state.mark;
  block[NET] = state.net;
  state.depth = 0;
  if (block[OTHERS] !== state.seen || block[STALE] !== 0 || pending.size !== 0) addElsewhere(call, about);
}

function popFrame(frame) {
  const of = frame.account;
  if (of !== 0) close(frame, of, frame.about, restore(frame));
  state.depth = frame.depth;
}

function close(frame, of, about, net) {
  net += changeElsewhere(of, about.name);
  if (about.makes) noteMade(of, net, about);
  if (frame.user !== null) leave(frame, of, about.makes ? 0 : net);
}

function addElsewhere(account, about) {
  const { bytes } = made; // in what follows there may be other calls
  noteMade(account, bytes + changeElsewhere(account, about.name), about);
}

function noteMade(account, bytes, about) {
  made.account = account;
  made.bytes = bytes;
  made.about = about;
}

// What of that account has changed while others were marked.
function changeElsewhere(of, name) {
  if (block[OTHERS] !== state.seen || block[STALE] !== 0) follow(of, name);
  return pending.size === 0 ? 0 : changeOf(of);
}

function change(pointer, net) {
  if (!pointer.disposed) access.setSize(pointer, Math.max(pointer.size + net, 0));
}

/** It has thrown, or the stack was too full for end(). */
function abandon(call) {
  if (typeof call === 'number') {
    block[MARK] = state.mark;
    block[NET] = state.net;
    state.depth = 0;
    return forgetMade();
  }
  state.depth = call.depth;
  const of = call.account;
  if (of === 0) return;
  const net = restore(call);
  if (call.user !== null) leave(call, of, 0);
  if (net !== 0 && !call.about.makes) noteChange(of, net); // for the object's next call
}

// Whose the taken ones are from now on is not known before what the call has returned was looked at.
function leave(frame, of, net) {
  const { about, user: by, taken: all } = frame;
  frame.user = null;
  frame.taken = null;
  if (all !== null) moving = { of, by, makes: about.makes, net, taken: all };
  else if (net !== 0) change(by, net);
}

// Returns what the call has allocated and not freed.
function restore(frame) {
  frame.account = 0;
  const net = block[NET];
  block[MARK] = frame.mark;
  block[NET] = frame.net;
  return net;
}

// The calls were taken off the stack without returning.
function cutOff() {
  while (state.depth > 0) abandon(frames[state.depth - 1]);
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
  if (block[MARK] === 0) return callback.apply(self, args);
  const mark = block[MARK];
  block[MARK] = 0; // and it stays so where JavaScript is cut off in there
  try {
    return callback.apply(self, args);
  } finally {
    block[MARK] = mark;
  }
}

// What is rare, and asks native code: the call of that account has returned.
function follow(of, name) {
  // Before what has changed is taken: from then on it is stale again.
  if (block[STALE] !== 0) binding.patchNewSlots();
  state.seen = block[OTHERS];
  if (checked.on) checked.tellLosses(name);
  if (block[SAMPLES] !== 0) hook.profiler?.told(name);
  const changes = binding.takeChanges(state.first, state.first + of);
  for (let i = 0; i < changes.length; i += 2) noteChange(changes[i] - state.first, changes[i + 1]);
  for (const oldest of pending.keys()) {
    if (pending.size <= MOST_CHANGES) break;
    pending.delete(oldest); // nobody may ask for it any more
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

/**
 * Begins to count a call on another thread, as begin() does. Where there is no stub for it, only what it takes is followed.
 * Returns what endAsync() or abandonAsync() wants.
 */
function beginAsync(about) {
  const { user, taken } = state;
  const call = new Frame(0);
  const of = accountFor(about);
  const address = of === 0 ? undefined : about.address();
  call.stub = stub = address === undefined ? 0n : binding.takeStub(address, state.first + of);
  const isCounted = stub !== 0n;
  call.account = isCounted || user === null ? of : access.accountOf(user);
  call.about = isCounted ? about : { ...about, makes: false };
  call.user = user;
  call.taken = taken;
  forgetArguments();
  return call;
}

/** The address by which the FFI makes the call that has begun, once; 0n for that of C's function. */
function takeStub() {
  const at = stub;
  stub = 0n;
  return at;
}

/** The call has returned. Returns what takeMoving() does. */
function endAsync(call) {
  forgetMade(); // what another call has made
  const net = call.stub === 0n ? 0 : binding.giveBackStub(call.stub);
  close(call, call.account, call.about, net);
  return takeMoving();
}

/** C has not begun it. */
function abandonAsync(call) {
  stub = 0n;
  if (call.stub !== 0n) binding.giveBackStub(call.stub);
}

/** Whether C has taken those objects: then they are part of the call's user, or of what it has made. */
function decide({ of, by, makes, net, taken: all }, isTaken) {
  const sum = net + (isTaken ? merge(all, of) : 0);
  if (makes) made.bytes += sum;
  else if (sum !== 0) change(by, sum);
}

// Those in `all` belong to the account `to`. Returns their bytes.
function merge(all, to) {
  let sum = 0;
  for (let i = 0; i < all.length; i += 2) {
    const from = all[i];
    const size = Math.max(all[i + 1] + changeOf(from), 0);
    sum += size;
    if (from !== to) binding.mergeAccounts(state.first + from, state.first + to, size);
  }
  return sum;
}

/** Notes `value` as an argument of the call that is about to begin. */
function note(value, takes) {
  if (!access.isTracked(value) || access.accountOf(value) === 0) return;
  if (takes) (state.taken ??= []).push(access.accountOf(value), value.size);
  if (state.user === null || (state.isUserTaken && !takes)) {
    state.user = value;
    state.isUserTaken = takes;
  }
}

/** The account of what the last call has made, 0 if nobody counted; madeBytes() are its bytes then. */
function take() {
  const { account } = made;
  made.account = 0;
  return account;
}

function madeBytes() {
  return made.bytes > 0 ? made.bytes : 0;
}

/** Nobody takes what the last call has made. */
function forgetMade() {
  made.account = 0;
}

/** Runs `run`, in which functions of the user's may call C: what the last call has made and moved is still to be had after it. */
function aside(run) {
  const last = { ...made };
  const left = moving;
  try {
    return run();
  } finally {
    Object.assign(made, last);
    moving = left;
  }
}

/**
 * Counts the block at `address` for `account`, of which take() has told, if the call was one of C's allocator itself. Returns
 * its bytes then.
 */
function adoptBlock(address, account) {
  if (account === 0 || !made.about.allocates()) return undefined;
  return binding.adoptBlock(address, state.first + account);
}

/** The address of what runs when C's function at `address` is called to free what is counted; undefined until something is. */
function freeingAddress(address) {
  return state.first === 0 ? undefined : binding.countingFree(address);
}

module.exports = {
  abandon,
  abandonAsync,
  adoptBlock,
  aside,
  begin,
  beginAsync,
  callUnmarked,
  decide,
  end,
  endAsync,
  forgetArguments,
  forgetMade,
  freeingAddress,
  madeBytes,
  note,
  open,
  take,
  takeMoving,
  takeStub,
  threadBlock,
};
