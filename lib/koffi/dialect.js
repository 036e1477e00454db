'use strict';
// What differs between Koffi 2 and Koffi 3, and is the same behind this file.

const binding = require('../binding');

const DIRECTIONS = { Input: 'in', Output: 'out', 'Input/Output': 'inout' };

// Koffi 2 has what it told of a type freed twice, at exit, where a disposable type was derived from that one since.
// So it is asked about a copy, which is a disposable type and has no name.
const STRINGS = { String: 'char *', String16: 'char16_t *', String32: 'char32_t *' };
const asked = new WeakMap(); // koffi -> addresses of types -> what copies told; null for what cannot be copied

function told(koffi) {
  if (!asked.has(koffi)) asked.set(koffi, new Map());
  return asked.get(koffi);
}

function askCopy(koffi, type) {
  try {
    return koffi.introspect(koffi.disposable(type));
  } catch {
    return null; // nothing can be derived from it, then
  }
}

function nameOf(koffi, { primitive, ref }) {
  if (primitive !== 'Pointer') return STRINGS[primitive];
  const { name } = introspect(koffi, ref);
  return name.endsWith('*') ? `${name}*` : `${name} *`;
}

function isName(koffi, name, address) {
  try {
    return binding.externalAddress(koffi.resolve(name)) === address;
  } catch {
    return false;
  }
}

function introspect(koffi, type) {
  const resolved = koffi.resolve(type);
  const address = binding.externalAddress(resolved);
  const known = told(koffi);
  if (!known.has(address)) {
    const copy = askCopy(koffi, resolved);
    const name = copy && nameOf(koffi, copy);
    // A pointer type that the program has named is asked itself: nothing else tells its name.
    known.set(address, copy && isName(koffi, name, address) ? { ...copy, name, disposable: false } : null);
  }
  return known.get(address) ?? koffi.introspect(resolved);
}

/** What the drop-in has in place of Koffi's own, so that a type is copied before a program asks about it. */
function onTypes(koffi) {
  if (koffi.type !== undefined) return {};
  return {
    introspect(type) {
      introspect(koffi, type);
      return koffi.introspect(type);
    },
  };
}

/** After koffi.reset(): the addresses of types may come again. */
function forgetTypes(koffi) {
  asked.delete(koffi);
}

/** { name, primitive, ref, size, members } of a type; `ref` is such an object too. */
function describe(koffi, type) {
  const info = koffi.type === undefined ? introspect(koffi, type) : koffi.type(type);
  const described = {
    name: info.name,
    primitive: info.primitive,
    size: info.size,
    members: info.members,
    proto: info.proto,
    disposable: info.disposable === true,
    raw: type,
  };
  if (info.ref !== undefined) described.ref = info.ref;
  return described;
}

/** The type that a pointer type points to, described; undefined for what is no pointer to data. */
function pointee(koffi, type) {
  const { primitive, ref } = describe(koffi, type);
  return primitive === 'Pointer' && ref !== undefined ? describe(koffi, ref) : undefined;
}

/**
 * A new pointer type of its own, by which prototypes can name ownership. Koffi 2 gives equal pointer
 * types one identity, so there it points to an opaque type that exists for this purpose.
 */
function namedPointer(koffi, name, base) {
  if (koffi.type !== undefined) return koffi.pointer(name, base);
  const type = koffi.pointer(name, koffi.opaque(`${name}_owned`));
  told(koffi).set(binding.externalAddress(type), { ...askCopy(koffi, type), name, disposable: false });
  return type;
}

/** Types and directions of a function's arguments, as far as Koffi tells. */
function argumentsOf(func) {
  return func.info.arguments.map((argument) =>
    argument !== null && typeof argument === 'object' && 'direction' in argument
      ? { type: argument.type, direction: DIRECTIONS[argument.direction] ?? 'in' }
      : { type: argument, direction: undefined },
  );
}

/** The address behind a pointer that Koffi returned: itself, or that of an External of Koffi 2. */
function addressOf(koffi, pointer) {
  if (typeof pointer === 'bigint') return pointer;
  return pointer === null ? 0n : koffi.address(pointer);
}

/** The address of a symbol; undefined where the library has none of that name. */
function symbolAddress(koffi, library, name) {
  try {
    return addressOf(koffi, koffi.type === undefined ? library.symbol(name, 'void *') : library.symbol(name));
  } catch {
    return undefined;
  }
}

/** A pointer as Koffi's own functions on memory (decode, view, ...) take it. */
function toKoffiPointer(koffi, address) {
  if (koffi.type !== undefined) return address;
  return koffi.decode(new BigUint64Array([address]), 'void *');
}

module.exports = {
  addressOf,
  argumentsOf,
  describe,
  forgetTypes,
  namedPointer,
  onTypes,
  pointee,
  symbolAddress,
  toKoffiPointer,
};
