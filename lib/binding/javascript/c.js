'use strict';
// C, called by JavaScript through the FFI at hand: that of a drop-in, or what a finder knows.
//
// An FFI is { addressOf(external), symbol(name), func(name, result, types), callable(address, result, types), problem }: the
// first two return a bigint or undefined, `func` looks a function up in the process itself and throws where there is
// none, `callable` makes a function of an address, and types are those of <stdint.h>, or 'void *'. `problem` is why a
// drop-in cannot do with it, or undefined.

const { UnsupportedError } = require('../../support/errors');
const { BITS, BYTES } = require('../../support/word');

const ffis = [];
let find = null;

/** Where no drop-in lends an FFI, `finder()` returns one, or throws where there is none. Asked once. */
function findFfi(finder) {
  find = finder;
}

/** From now on C is called through `ffi`, for a drop-in around it. */
function lend(ffi) {
  if (ffi.problem !== undefined) throw new UnsupportedError(ffi.problem);
  ffis.unshift(ffi);
}

function theFfi() {
  if (ffis.length === 0 && find !== null) {
    const finder = find;
    find = null;
    try {
      ffis.push(finder());
    } catch {
      // There is none.
    }
  }
  return ffis[0];
}

const canCall = () => theFfi() !== undefined;

const found = new Map();

/** A function of the process, or undefined. */
function lookUp(name, result, types) {
  if (!found.has(name)) {
    let func;
    try {
      func = theFfi()?.func(name, result, types);
    } catch {
      // Another platform.
    }
    found.set(name, func);
  }
  return found.get(name);
}

const symbol = (name) => theFfi()?.symbol(name) ?? 0n;

/** The address in an External of Node-API; undefined if nobody can tell. */
function addressOf(external) {
  theFfi();
  for (const ffi of ffis) {
    const address = ffi.addressOf(external);
    if (address !== undefined) return address;
  }
  return undefined;
}

const Word = BYTES === 8 ? BigUint64Array : Uint32Array;
const RTLD_LAZY = 1;
const RTLD_NOLOAD = process.platform === 'darwin' ? 0x10 : 4;

/** Takes one more reference on the library that `address` is in. Returns the function that lets go of it. */
function pin(address) {
  const dladdr = lookUp('dladdr', 'int', ['uintptr_t', 'void *']);
  const dlopen = lookUp('dlopen', 'uintptr_t', ['uintptr_t', 'int']);
  const dlclose = lookUp('dlclose', 'int', ['uintptr_t']);
  if (dladdr === undefined || dlopen === undefined || dlclose === undefined) return () => {};
  const info = new Word(4); // Dl_info, of which the first is the path of the library
  const path = dladdr(address, info) === 0 ? 0 : info[0];
  if (BigInt(path) === 0n) return () => {};
  const handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  return () => {
    if (BigInt(handle) !== 0n) dlclose(handle);
  };
}

/**
 * A destructor as a function (address, size), with bound arguments as addKind() gets them. It returns the result by which
 * it says that it has failed, and otherwise undefined.
 */
function destructor(address, list) {
  const types = { pointer: 'uintptr_t', place: 'void *', size: 'size_t' };
  const ok = list.find((argument) => typeof argument === 'number');
  const isBool = list.includes(false);
  const result = isBool ? 'uint8_t' : ok === undefined ? 'void' : 'int';
  const args = list.filter((argument) => typeof argument === 'string' || typeof argument === 'bigint');
  const call = theFfi().callable(
    address,
    result,
    args.map((argument) => types[argument] ?? 'uintptr_t'),
  );
  return (pointer, size) => {
    const values = { pointer, place: BigUint64Array.of(pointer), size };
    const found = call(...args.map((argument) => values[argument] ?? argument));
    const told = isBool ? Number(found !== 0) : found;
    return told === ok ? undefined : told;
  };
}

// Of what is no block of the C allocator.
const UNKNOWN_SIZE = { darwin: 0n, win32: BigInt.asUintN(64, -1n) };

/** The bytes that malloc() really gave; undefined where nobody can tell. */
function usableSize(address) {
  const names = { darwin: 'malloc_size', win32: '_msize' };
  const measure = lookUp(names[process.platform] ?? 'malloc_usable_size', 'size_t', ['uintptr_t']);
  if (measure === undefined) return undefined;
  const bytes = BigInt(measure(address));
  return bytes === UNKNOWN_SIZE[process.platform] ? undefined : Number(bytes);
}

/** Zeroed memory for free(); 0n if there is none. */
function allocate(bytes) {
  if (bytes >= 2 ** BITS) return 0n;
  return BigInt(lookUp('calloc', 'uintptr_t', ['size_t', 'size_t'])(Math.max(bytes, 1), 1));
}

module.exports = { addressOf, allocate, canCall, destructor, findFfi, lend, pin, symbol, usableSize };
