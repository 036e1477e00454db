'use strict';
// Ways to declare and call functions.
const { promisify, inspect } = require('node:util');

module.exports = async (koffi, { libc: name, snprintf, print, dispose }) => {
  const libc = koffi.load(name);
  const declared = {
    prototype: libc.func('int abs(int value)'),
    semicolon: libc.func('int abs(int value);'),
    unnamed: libc.func('int abs(int)'),
    classic: libc.func('abs', 'int', ['int']),
    types: libc.func('abs', koffi.types.int, [koffi.types.int]),
    stdcall: libc.func('int __stdcall abs(int value)'),
    cdecl: libc.func('__cdecl', 'abs', 'int', ['int']),
    fastcall: libc.func('__fastcall', 'abs', 'int', ['int']),
    deprecated: libc.cdecl('abs', 'int', ['int']),
    fastcallOfLibrary: libc.fastcall('abs', 'int', ['int']),
    thiscallOfLibrary: libc.thiscall('abs', 'int', ['int']),
  };
  for (const [form, func] of Object.entries(declared)) {
    const { name: symbol, arguments: types } = func.info;
    print(
      form,
      func(-42),
      func.name,
      func.length,
      symbol,
      types.length,
      Object.keys(func),
      typeof func.async,
    );
  }
  print(await promisify(declared.classic.async)(-7));
  await new Promise((resolve) => {
    declared.classic.async(-8, (error, result) => resolve(print('called back', error, result)));
  });

  const [formatter, formatName] = [koffi.load(snprintf[0]), snprintf[1]];
  const format = formatter.func(
    `int ${formatName}(_Out_ uint8_t *out, size_t size, const char *format, ...)`,
  );
  const classicFormat = formatter.func(formatName, 'int', [koffi.out('uint8_t *'), 'size_t', 'str', '...']);
  for (const func of [format, classicFormat]) {
    const out = Buffer.alloc(64);
    const length = func(out, out.length, '%d %s %.2f', 'int', 12, 'str', 'apples', 'double', 1.5);
    print(length, out.toString('latin1', 0, length));
  }

  const strlen = libc.func('size_t strlen(const char *text)');
  const getenv = libc.func('const char *getenv(const char *name)');
  print(strlen('twelve bytes'), strlen('äöü'), getenv('NO_SUCH_VARIABLE_HERE'));
  print(libc.func('char *strstr(const char *text, const char *part)')('one two three', 'two'));
  print(libc.func('double strtod(const char *text, void *end)')('2.25x', null));
  print(libc.func('int64_t llabs(int64_t value)')(-(2n ** 62n)), libc.func('long labs(long)')(-5));

  const pointer = libc.symbol('abs', 'void *');
  print(typeof pointer, pointer !== null);
  const Unary = koffi.proto('int Unary_functions(int)');
  print(koffi.call(pointer, Unary, -3), koffi.decode(pointer, Unary)(-4));

  for (const wrong of [
    () => declared.classic(),
    () => declared.classic(1, 2),
    () => declared.classic('text'),
    () => declared.classic({}),
    () => libc.func('no_such_function', 'int', []),
    () => libc.func('int no_such_function()'),
    () => libc.func('this is no prototype'),
    () => libc.func('abs', 'no_such_type', ['int']),
    () => libc.func('no_such_type abs(int)'),
    () => libc.func(),
    () => libc.func('abs', 'int'),
    () => libc.func('abs', 'int', 'int'),
    () => libc.func('abs', 'int', ['...', 'int']),
    () => libc.symbol('no_such_symbol', 'int'),
    () => libc.symbol(),
    () => koffi.load('/no/such/library.so'),
    () => koffi.load(),
    () => koffi.load(7),
    () => declared.classic.async(1, () => {}, 2),
    () => declared.classic.async(1),
    () => format(Buffer.alloc(8), 8, '%d', 'int'),
    () => format(Buffer.alloc(8), 8, '%d', 'no_such_type', 1),
  ]) {
    try {
      print('no error', inspect(wrong()));
    } catch (error) {
      print(error.constructor.name, error.message, error.code);
    }
  }

  const other = koffi.load(name, { lazy: true });
  print(other.func('int abs(int)')(-1), Object.keys(other), typeof other.unload);
  if (dispose in other) other[dispose]();
  else other.unload();
  const program = koffi.load(null);
  print(typeof program.func('unsigned int uv_version()'));
};
