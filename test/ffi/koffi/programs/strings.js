'use strict';
// Strings that C allocated.

module.exports = (koffi, { libc: name, posix, counting, print }) => {
  const libc = koffi.load(name);
  const lib = koffi.load(counting);
  const Heap = koffi.disposable('HeapStr_strings', 'str', koffi.free);
  const freed = [];
  koffi.disposable('Logged_strings', 'char *', (pointer) => {
    freed.push(typeof pointer);
    koffi.free(pointer);
  });
  const anonymous = koffi.disposable('str');
  const strdup = posix('strdup');
  print(libc.func(strdup, Heap, ['str'])('one'), libc.func(strdup, anonymous, ['str'])('two'));
  print(libc.func(`HeapStr_strings ${strdup}(const char *text)`)('three'));
  print(
    libc.func(`const char *! ${strdup}(const char *text)`)('four'),
    libc.func(`str! ${strdup}(str)`)('five'),
  );
  print(libc.func(`Logged_strings ${strdup}(str)`)('six'), freed);
  print(
    lib.func('HeapStr_strings text_new(size_t length)')(3),
    lib.func('HeapStr_strings text_new(size_t length)')(2 ** 41),
  );
  const wide = koffi.disposable('HeapStr16_strings', 'str16', koffi.free);
  print(koffi.introspect(wide).primitive, koffi.stats().disposed);

  const copy = libc.func('char *strcpy(_Out_ char *to, const char *from)');
  const out = ['\0'.repeat(16)];
  copy(out, 'copied');
  print(out);
  const length = libc.func('size_t strlen(const void *text)');
  print(length(Buffer.from('abc\0')), length('text as void *'.length > 3 ? Buffer.from('four\0') : null));
  print(libc.func('int atoi(const char *text)')('42 apples'));
  print(libc.func('size_t wcslen(const wchar_t *text)')('wide äö'));
};
