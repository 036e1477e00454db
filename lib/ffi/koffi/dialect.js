'use strict';
// What differs between Koffi 2 and Koffi 3, and is the same behind this file.

const binding = require('../../binding');
const { checkMeaning } = require('../../ownership/declare/meaning');
const { IntegerBase } = require('../../ownership/declare/owned-type');
const { UnsupportedError } = require('../../support/errors');

const DIRECTIONS = { Input: 'in', Output: 'out', 'Input/Output': 'inout' };

// What Koffi 2 has told of a type is freed twice, at exit, where a disposable type was derived from that one since. So
// it is not asked about a type of which one can be derived, but about an array of that, whose name tells its.
const STRINGS = new Set(['char *', 'char16_t *', 'char32_t *', 'wchar_t *']);
const ofEach = new WeakMap(); // koffi -> { names, own }

/** names: what arrays of the types at these addresses told; own: the names of our own pointer types. */
function known(koffi) {
  if (!ofEach.has(koffi)) ofEach.set(koffi, { names: new Map(), own: new Set() });
  return ofEach.get(koffi);
}

function resolve(koffi, name) {
  try {
    return koffi.type === undefined ? koffi.resolve(name) : koffi.type(name);
  } catch {
    return undefined;
  }
}

/** Whether `name` is that of the type at `address`: after reset(), the addresses of types may come again. */
function isName(koffi, name, address) {
  const type = resolve(koffi, name);
  return type !== undefined && binding.externalAddress(type) === address;
}

const toldByArray = (koffi, type) =>
  koffi.introspect(koffi.array(type, 1, 'Array')).name.replace(/\[1\]$/, '');

/** The name of a type; '' where it is not found by that. */
function nameOf(koffi, type) {
  const { names } = known(koffi);
  const address = binding.externalAddress(type);
  const before = names.get(address);
  if (isName(koffi, before, address)) return before;
  const name = toldByArray(koffi, type);
  names.set(address, name);
  return isName(koffi, name, address) ? name : '';
}

/** What a pointer to data of this name points to; undefined where this is the name of something else. */
function targetOf(koffi, name) {
  if (known(koffi).own.has(name)) return resolve(koffi, `${name}_owned`);
  if (!name.endsWith('*')) return undefined;
  const target = resolve(koffi, name.slice(0, -1).trimEnd());
  if (target === undefined) return undefined; // it has no name of its own
  return introspect(koffi, target).primitive === 'Prototype' ? undefined : target;
}

function introspect(koffi, spec) {
  const type = koffi.resolve(spec);
  const size = koffi.sizeof('void *');
  if (koffi.sizeof(type) !== size) return koffi.introspect(type);
  const name = nameOf(koffi, type);
  if (STRINGS.has(name)) return { name, primitive: 'String', size };
  const ref = targetOf(koffi, name);
  // A pointer type that the program has named is asked itself: nothing else tells what it points to.
  return ref === undefined ? koffi.introspect(type) : { name, primitive: 'Pointer', size, ref };
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

const INTEGER = /^(U?)Int(8|16|32|64)$/;

/** What an integer type is, for an owned type over it; undefined for other types, and for those of another byte order. */
function integerBase(koffi, type) {
  const { primitive } = describe(koffi, type);
  const [, unsigned, bits] = INTEGER.exec(primitive) ?? [];
  return bits === undefined ? undefined : new IntegerBase(primitive, Number(bits), unsigned === '');
}

/** A new integer type of its own, stored as `type`. */
function namedInteger(koffi, name, type) {
  if (koffi.enumeration === undefined) {
    throw new UnsupportedError(
      `Koffi 2 has no types of their own for integers such as '${name}': give 'free' to the function that returns it, or use Koffi 3`,
    );
  }
  const before = resolve(koffi, name);
  if (before === undefined) return koffi.enumeration(name, {}, type);
  const { primitive, values } = koffi.type(before);
  if (values === undefined || primitive !== describe(koffi, type).primitive) {
    checkMeaning(name, `'${primitive}'`, `an integer of type '${describe(koffi, type).name}'`);
  }
  return before;
}

/**
 * A new pointer type of its own, by which prototypes can name ownership. Koffi 2 gives equal pointer
 * types one identity, so there it points to an opaque type that exists for this purpose.
 */
function namedPointer(koffi, name, base) {
  // Types outlive the copy of this library that has declared them, as where Jest loads one for each test file.
  const before = resolve(koffi, name);
  if (before !== undefined && isNamedPointer(koffi, name, before, base)) return before;
  if (koffi.type !== undefined) return koffi.pointer(name, base);
  known(koffi).own.add(name);
  return koffi.pointer(name, koffi.opaque(`${name}_owned`));
}

const isAnonymous = (name) => name.startsWith('<anonymous');

/** Whether `type` is what namedPointer() has made of that name and `base`. */
function isNamedPointer(koffi, name, type, base) {
  if (koffi.type === undefined) {
    if (resolve(koffi, `${name}_owned`) === undefined) return false;
    known(koffi).own.add(name);
    return true;
  }
  const { name: own, primitive, ref } = koffi.type(type);
  if (own !== name || primitive !== 'Pointer' || ref === undefined) return false;
  const wanted = koffi.type(base).name;
  if (ref.name === wanted || (isAnonymous(ref.name) && isAnonymous(wanted))) return true;
  checkMeaning(name, `'${ref.name} *'`, `'${wanted} *'`);
  return false;
}

/** Types and directions of a function's arguments, as far as Koffi tells. */
function argumentsOf(func) {
  return func.info.arguments.map((argument) =>
    argument !== null && typeof argument === 'object' && 'direction' in argument
      ? { type: argument.type, direction: DIRECTIONS[argument.direction] ?? 'in' }
      : { type: argument, direction: undefined },
  );
}

let prototypes = 0;

/** A prototype like that of `func`, whose parameters have these directions; it may have another `result`. */
function prototypeOf(koffi, func, directions, result = func.info.result) {
  const types = argumentsOf(func).map(({ type }, i) =>
    directions[i] === 'in' ? type : koffi[directions[i]](type),
  );
  // Koffi 2 wants a name for every prototype.
  return koffi.type === undefined
    ? koffi.proto(`ffi_tally_prototype_${prototypes++}`, result, types)
    : koffi.proto(result, types);
}

/** { arguments, result } of a callback type or prototype; undefined for what is none, or has no name for Koffi 2. */
function protoOf(koffi, type) {
  const { name, primitive, proto } = describe(koffi, type);
  if (koffi.type !== undefined || (primitive !== 'Callback' && primitive !== 'Prototype')) return proto;
  const named = resolve(koffi, name.replace(/ \*$/, ''));
  // Koffi 2 tells it of functions only.
  return named === undefined ? undefined : koffi.decode(toKoffiPointer(koffi, binding.nothing), named).info;
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

// The External of Koffi 2 that was made last, which takes microseconds. It holds nothing but its address.
const last = { koffi: null, address: 0n, external: null };

/** A pointer as Koffi's own functions on memory (decode, view, ...) take it. */
function toKoffiPointer(koffi, address) {
  if (koffi.type !== undefined) return address;
  if (address !== last.address || koffi !== last.koffi) {
    last.external = koffi.decode(new BigUint64Array([address]), 'void *');
    last.address = address;
    last.koffi = koffi;
  }
  return last.external;
}

module.exports = {
  addressOf,
  argumentsOf,
  describe,
  integerBase,
  namedInteger,
  namedPointer,
  pointee,
  protoOf,
  prototypeOf,
  resolve,
  symbolAddress,
  toKoffiPointer,
};
