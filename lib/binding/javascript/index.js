'use strict';
// The list of what native/addon.cc offers, offered by JavaScript alone.

const { types } = require('node:util');
const { isMainThread } = require('node:worker_threads');
const { NoViewsError, UnsupportedError } = require('../../support/errors');
const c = require('./c');
const { Environment } = require('./environment');
const { Kind } = require('./kind');
const { State } = require('./ledger');
const protocol = require('./protocol');

const { CAPACITY } = protocol.nursery;

// V8 counts the ballast as it does any ArrayBuffer.
const counter = () => process.memoryUsage().external;

function open() {
  const environment = new Environment();
  const { ballast, kinds, ledger, nursery } = environment;
  const at = (id) => ledger.at(id);

  return {
    backend: 'javascript',
    isMainThread,
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
      if (nursery.counter[0] > 0 || nursery.hasInHand) return;
      for (const kind of kinds) if (kind?.live === 0 && !environment.running.includes(kind)) kind.unpin();
    },

    flush: (objects, parent, forced) => environment.flush(objects, parent, forced),
    free(kind, address, size) {
      nursery.letGo(address);
      environment.free(kinds[kind], address, size);
    },
    freeInHand() {
      if (!nursery.hasInHand) return;
      const address = nursery.addresses[CAPACITY];
      nursery.letGo(address);
      environment.free(kinds[nursery.kinds[CAPACITY]], address, 0);
    },
    freeOnce: (form, code, args, address, size) =>
      environment.freeOnce(new Kind(null, null, form, code, args), address, size),
    disposeYoung: (index) => environment.disposeYoung(index),
    releaseYoung: (index, freed) => environment.releaseYoung(index, freed),

    end: (slot) => environment.end(at(slot)),
    dispose: (slot) => environment.dispose(at(slot)),
    disposeAlone: (slot) => environment.disposeAlone(at(slot)),
    dependents: (slot) => environment.dependents(at(slot)),
    dependentSlots: (slot) => ledger.dependentsOf(at(slot)).map(({ id }) => id),
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
    bytes: () => ledger.bytes,
    pointers: () => ledger.pointers,
    deadBytes: () => ledger.deadBytes,
    deadPointers: () => ledger.deadPointers,
    live: () => ledger.live,
    limit: () => environment.limit,
    tracked: () => ledger.totals.tracked,
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
      minor: environment.collections.minor,
      major: environment.collections.major,
      returnedByMinor: 0,
      returnedByMajor: 0,
      totals: { ...ledger.totals },
    }),
    accounts: () => ledger.columns(),
    gatherObjects: () => undefined,
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
    // Each thread is alone, and sees what V8 tells.
    setProcessLimit() {
      throw new UnsupportedError(
        "Without its native part ffi-tally cannot limit the process: leave out 'scope'",
      );
    },
    processMemory: () => ({
      usage: process.memoryUsage.rss(),
      limit: Number.MAX_SAFE_INTEGER,
      kernelLimit: Number.MAX_SAFE_INTEGER,
      threads: 1,
    }),
    processAdmits: () => true,
    admitNext() {},
    ringOthers() {},
    hasBackground: false, // JavaScript has one thread
    inBackground: () => 0,
    awaitBackground: () => false,
    closeBackground() {},
    hasBlackBox: false,
    setBlackBox: () => 0,
    endBlackBox() {},
    isCalm: () => true,
    isWanted: () => false,
    unswept: () => 0,
    threadCpuTime: () => performance.now(),
    startWatch() {},
    reconsider: () => 0,
    holdsGarbage: () => false,
    isNearLimit: () => false,
    mayCollect: () => true,
    spendOnCollections() {},
    trimForAll() {},
    sleep() {},
    freeAtProcessExit() {},
    freeNow() {},

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
    canPatch: false,
    canLoadDeep: true,
    threadBlock: () =>
      new ArrayBuffer(8 * (protocol.threadBlock.ARGUMENT + protocol.threadBlock.MOST_ARGUMENTS)),
    newAccounts: () => 1,
    patchSlots: () => ({ outcome: protocol.patched.NOT_LOADED, modules: 0, slots: 0, rebound: 0, name: '' }),
    patchNewSlots: () => ({ outcome: protocol.patched.YES, modules: 0, slots: 0, rebound: 0, name: '' }),
    countingFree: (address) => address,
    isAllocator: () => false,
    adoptBlock: () => 0,
    findExported: () => '',
    countedBytes: () => 0,
    watchBlock: () => 0,
    isWatchedBlock: () => false,
    mergeAccounts() {},
    takeChanges: () => [],
    resumeThreads() {},
    countedTotals: () => ({ blocks: 0, bytes: 0 }),
    takeStub: () => 0n,
    giveBackStub: () => 0,
    auditOn() {},
    noteCrash() {},
    auditMaker: () => 0,
    auditRename() {},
    auditHasLeft: () => false,
    auditGive() {},
    auditElsewhere() {},
    auditReturned() {},
    auditAddedTo() {},
    auditTracked() {},
    auditCalled() {},
    auditMade() {},
    auditGiven() {},
    auditLive: () => new Float64Array(1),
    auditMakers: () => [],
    auditActs: () => [],
    auditHeld: () => ({ pointers: 0, held: 0, leading: 0 }),
    profileOn: () => false,
    profileOff() {},
    profileStack: () => 0,
    profileCalled() {},
    profileSites: () => [],
    profileCode: () => ({ file: '', name: '', offset: 0 }),
    ownBlock() {},
    disownBlock: () => true,
    nextLoss() {},
    objectOrEnd() {},
    quarantine() {},
    holdLibrary() {
      throw new UnsupportedError('A gauge in C needs the binary: pass a function that calls it');
    },
    readGauge: () => 0,
    chargeGauges: (bytes) => environment.chargeGauges(bytes),

    functionAddress: (address) => address, // nobody else could tell
    isVariable: () => false,
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
      tables: 0,
    }),
    trim: () => false,
  };
}

module.exports = { open };
