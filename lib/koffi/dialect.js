'use strict';
// What differs between Koffi 2 and Koffi 3, and is the same behind this file.

const binding = require('../binding');

const DIRECTIONS = { Input: 'in', Output: 'out', 'Input/Output': 'inout' };

// Koffi 2 crashes at exit when a string type was introspected before another was derived from it.
const STRINGS = ['char *', 'char16_t *', 'char32_t *', 'wchar_t *', 'str', 'str16', 'str32', 'wstring'];
const stringTypes = new WeakMap();

function stringAddresses(koffi) {
  let known = stringTypes.get(koffi);
  if (known === undefined) {
    known = new Set();
    for (const name of STRINGS) {
      try {
        known.add(binding.externalAddress(koffi.resolve(name)));
      } catch {
        // Not every version knows every name.
      }
    }
    stringTypes.set(koffi, known);
  }
  return known;
}

function introspect(koffi, type) {
  const resolved = koffi.resolve(type);
  if (stringAddresses(koffi).has(binding.externalAddress(resolved))) {
    return { name: 'char *', primitive: 'String', size: 8 };
  }
  return koffi.introspect(resolved);
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
  return koffi.pointer(name, koffi.opaque(`${name}_owned`));
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

module.exports = { addressOf, argumentsOf, describe, namedPointer, pointee, symbolAddress, toKoffiPointer };
