'use strict';
// What koffi says of itself.

module.exports = (koffi, { libc: name, posix, print }) => {
  print(koffi.version, koffi.extension, koffi.internal, typeof koffi.node.poll, typeof koffi.node.env);
  const before = koffi.config();
  print(Object.keys(before));
  koffi.config({ max_async_calls: 128 });
  print(koffi.config());
  print(Object.keys(koffi.stats()), koffi.os.errno.ENOENT > 0);
  const libc = koffi.load(name);
  const access = libc.func(`int ${posix('access')}(const char *path, int mode)`);
  print(access('/no/such/file', 0), koffi.errno() === koffi.os.errno.ENOENT, koffi.errno(7), koffi.errno());
  koffi.struct('Once_state', { x: 'int' });
  print(koffi.sizeof('Once_state'), koffi.reset.length);
  koffi.reset();
  try {
    print(koffi.sizeof('Once_state'));
  } catch (error) {
    print(error.constructor.name, error.message);
  }
  koffi.struct('Once_state', { x: 'int', y: 'int' });
  print(koffi.sizeof('Once_state'), koffi.load(name).func('int abs(int)')(-5));
};
