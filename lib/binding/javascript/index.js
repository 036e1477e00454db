'use strict';
// The list of what native/addon.cc offers, offered by JavaScript alone.

const { types } = require('node:util');
const { NoViewsError, UnsupportedError } = require('../../support/errors');
const c = require('./c');
const { Environment } = require('./environment');
const { Kind } = require('./kind');
const { State } = require('./ledger');
const protocol = require('./protocol');

// V8 counts the ballast as it does any ArrayBuffer.
const counter = () => process.memoryUsage().external;

function open() {
  const environment = new Environment();
  const { ballast, kinds, ledger, nursery } = environment;
  const at = (id) => ledger.at(id);
  const { figure: Figure } = protocol;
  const figures = {
    [Figure.BYTES]: () => ledger.bytes,
    [Figure.POINTERS]: () => ledger.pointers,
    [Figure.DEAD_BYTES]: () => ledger.deadBytes,
    [Figure.DEAD_POINTERS]: () => ledger.deadPointers,
    [Figure.LIVE]: () => ledger.live,
    [Figure.LIMIT]: () => environment.limit,
    [Figure.TRACKED]: () => ledger.accounts.reduce((sum, { tracked }) => sum + tracked, 0),
  };

  return {
    backend: 'javascript',
    nursery: nursery.buffer,
    protocol,
    get freeBlock() {
      return c.symbol('free');
    },
    // It ignores what it is given, and does nothing that anybody would notice.
    get nothing() {
      return c.symbol(process.platform === 'win32' ? '_getpid' : 'getpid');
    },
    get canCall() {
      return c.canCall();
    },
    get canBind() {
      return c.canCall();
    },
    lendFfi: c.lend,
    findFfi: c.findFfi,
    shared: {},

    addKind: (label, form, address, args) => environment.addKind(label, form, address, args),
    dropKind: (kind) => environment.dropKind(kinds[kind]),
    removeUnusedKinds: () => environment.removeUnusedKinds(),
    pin: (kind) => kinds[kind].pin(),
    pinRunning() {
      for (const kind of environment.running) kind.pin();
    },
    unpinIdle() {
      if (nursery.counter[0] > 0) return;
      for (const kind of kinds) if (kind?.live === 0 && !environment.running.includes(kind)) kind.unpin();
    },

    flush: (objects, parent, forced) => environment.flush(objects, parent, forced),
    free: (kind, address, size) => environment.free(kinds[kind], address, size),
    freeOnce: (form, code, args, address, size) =>
      environment.freeOnce(new Kind(null, null, form, code, args), address, size),
    disposeYoung: (index) => environment.disposeYoung(index),
    releaseYoung: (index, freed) => environment.releaseYoung(index, freed),

    end: (slot) => environment.end(at(slot)),
    dispose: (slot) => environment.dispose(at(slot)),
    disposeAlone: (slot) => environment.disposeAlone(at(slot)),
    dependents: (slot) => environment.dependents(at(slot)),
    give(slot) {
      const { holds } = at(slot);
      if (holds === 0) at(slot).state = State.GIVEN;
      return holds;
    },
    takeBack: (slot) => void (at(slot).state = State.LIVE),
    release: (slot, freed) => environment.release(at(slot), freed),
    hold: (slot) => ledger.hold(at(slot)),
    unhold: (slot) => ledger.unhold(at(slot)),
    holdsOf: (slot) => at(slot).holds,
    addParent: (slot, parent) => ledger.addParent(at(slot), at(parent)),
    removeParent: (slot, parent) => ledger.removeParent(at(slot), at(parent)),
    dependsOn: (slot, other) => ledger.dependsOn(at(slot), at(other)),
    keep(slot, object) {
      at(slot).kept = object;
      return true;
    },
    kept: (slot) => at(slot).kept,
    hasParent: (slot) => at(slot).parents.length > 0,
    hasEndedParent: (slot) => at(slot).parents.some((parent) => parent.state !== State.LIVE),
    resize: (slot, size) => environment.resize(at(slot), size),
    sizeOf: (slot) => at(slot).size,
    owns: (slot, address) => ledger.owns(at(slot), address),
    addressOf: (slot) => at(slot).address,
    kindOf: (slot) => at(slot).kind.id,

    view: () => undefined, // it could not be known when that is used no more
    copyMemory() {
      throw new NoViewsError();
    },
    emptyViews: () => true,
    detach() {},
    detachViewsBy() {},
    adviseForViews: () => 0,
    hasViews: () => false,
    othersOf: (slot) => at(slot).holds,
    weakenViews() {},
    beginCollection() {},
    endCollection: () => false,

    drain: (milliseconds) => environment.drain(milliseconds),
    runNative(slot) {
      const { kind, address, size } = at(slot);
      return environment.tell(kind.run, address, size);
    },
    putOff: (slot) => ledger.putOff(at(slot)),
    noteFailure: (kind) => ledger.noteFailure(kinds[kind].account),
    describeFailure(slot) {
      const { account, ok, retries } = at(slot).kind;
      return { label: account.label, ok, retries };
    },
    captureContext() {},
    runScript: (slot, run, address) => run(address), // in the async context of whoever triggers it
    settle: (slot, failed) => environment.settle(at(slot), failed),
    isAlive: () => true,
    noteThrow: () => environment.noteThrow(),
    watchEach() {},
    announceMajor() {},
    sweep: () => true,
    observe: () => false,
    hasUrgent: () => ledger.nextUrgent() !== null,
    owesAssist: () => false, // where anything is found dead, it is freed next
    onDead: (callback) => void (environment.onDead = callback),
    noteMajor() {},
    root: (value) => void (environment.rooted = value),
    runAlone: (run) => run(),
    stackPosition: () => NaN,
    advise: () => environment.advise(),
    collected: (asked) => environment.collected(asked),

    reportByHand: (delta) => environment.reportByHand(delta),
    counter,
    figure: (which) => figures[which](),
    largestAccounts: (most) =>
      [...ledger.accounts.values()]
        .filter(({ bytes }) => bytes > 0)
        .sort((a, b) => b.bytes - a.bytes)
        .slice(0, most)
        .map(({ label, bytes, pointers }) => ({ label, bytes, pointers })),
    stats: () => ({
      bytes: ledger.bytes,
      pointers: ledger.pointers,
      manual: ledger.manual,
      outside: ledger.outside,
      peakBytes: ledger.peakBytes,
      deadBytes: ledger.deadBytes,
      deadPointers: ledger.deadPointers,
      reported: ballast.bytes,
      limit: environment.limit,
      allowance: 0, // there is no pacer
      step: 0,
      minor: environment.collections.minor,
      major: environment.collections.major,
      returnedByMinor: 0,
      returnedByMajor: 0,
      totals: { ...ledger.totals },
    }),
    accounts: () => ledger.columns(),
    survey: () => ledger.survey(kinds),
    // JavaScript sees its own thread only.
    processStats() {
      const { bytes, pointers, manual, outside, deadBytes, deadPointers } = ledger;
      const { chargedBytes, ...totals } = ledger.totals; // eslint-disable-line no-unused-vars
      const nothing = { transitBytes: 0, transitPointers: 0 }; // nothing is handed over
      return {
        environments: 1,
        bytes,
        pointers,
        manual,
        outside,
        deadBytes,
        deadPointers,
        ...nothing,
        ...totals,
        tornDown: 0, // nothing is
      };
    },
    configure: (budget, growth, limit) => void (environment.limit = limit),
    setCapabilities() {},
    freeAtProcessExit() {},

    // JavaScript sees no other thread.
    handOver() {
      throw new UnsupportedError('Without its native part ffi-tally cannot hand pointers to other threads');
    },
    inTransit: () => undefined,
    takeOver: () => protocol.taken.GONE,

    // What only C could call.
    canMeter: true, // meterFor() says why not
    mostMeters: 0,
    meterFor() {
      throw new UnsupportedError('Without its native part ffi-tally cannot count what a C library allocates');
    },
    meterKind: () => false,
    meters: () => [],
    nextReport: () => undefined,
    ownAllocations: () => 0,
    ownNet: () => 0,
    readMeters() {},
    holdLibrary() {
      throw new UnsupportedError('A gauge in C needs the binary: pass a function that calls it');
    },
    readGauge: () => 0,
    chargeGauges: (bytes) => environment.chargeGauges(bytes),

    functionAddress: (address) => address, // nobody else could tell
    externalAddress: (value) => (types.isExternal(value) ? c.addressOf(value) : undefined),
    usableSize: c.usableSize,
    allocate: c.allocate,
    allocatorBytes: () => undefined,
    inUse: () => -1,
    memory: () => ({
      counter: counter(),
      reported: ballast.bytes,
      tracked: ledger.live,
      everywhere: ledger.live,
      viewed: 0,
      mapped: 0,
    }),
    trim: () => false,
  };
}

module.exports = { open };
