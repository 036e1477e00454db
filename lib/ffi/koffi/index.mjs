import koffi from './index.js';

export default koffi;

// The names of Koffi 3; what an older one does not have is undefined, and what it has besides is in the default export.
export const {
  LibraryHandle,
  TypeObject,
  Union,
  address,
  alias,
  alignof,
  alloc,
  array,
  as,
  call,
  config,
  decode,
  disposable,
  encode,
  enumeration,
  errno,
  extension,
  free,
  inout,
  introspect,
  load,
  node,
  offsetof,
  opaque,
  os,
  out,
  owned,
  pack,
  pointer,
  proto,
  register,
  reset,
  resolve,
  sizeof,
  stats,
  struct,
  type,
  types,
  union,
  unregister,
  version,
  view,
  withOwnership,
} = koffi;

const { in: input } = koffi;
export { input as in };
