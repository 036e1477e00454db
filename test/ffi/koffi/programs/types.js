'use strict';
// Types, and values of them in memory.

module.exports = (koffi, { counting, libc: name, windows, print }) => {
  const libc = koffi.load(name);
  const Point = koffi.struct('Point_types', { x: 'int16_t', y: 'double', name: 'const char *' });
  const Packed = koffi.pack('Packed_types', { x: 'int8_t', y: 'double' });
  const Box = koffi.struct('Box_types', {
    corners: koffi.array(Packed, 2),
    id: koffi.array('char', 8),
    z: [8, 'int'],
  });
  const Either = koffi.union('Either_types', { integer: 'int64_t', number: 'double' });
  koffi.alias('Alias_types', 'uint16_t');
  const Handle = koffi.pointer('Handle_types', koffi.opaque('Opaque_types'));

  for (const type of [
    Point,
    Packed,
    Box,
    Either,
    'Alias_types',
    Handle,
    'int',
    'str',
    'void *',
    'Point_types **',
  ]) {
    const { name: own, primitive, size, alignment, length, hint, members } = koffi.introspect(type);
    print(own, primitive, size, alignment, length, hint, members && Object.keys(members));
  }
  for (const type of [Point, Packed, Box, Either]) print(koffi.sizeof(type), koffi.alignof(type));
  print(
    koffi.offsetof(Point, 'y'),
    koffi.offsetof(Box, 'z'),
    koffi.sizeof('long long'),
    koffi.alignof('double'),
  );
  print(koffi.resolve('int') === koffi.types.int, Object.keys(koffi.types).length > 50);

  const memory = koffi.alloc(Point, 2);
  koffi.encode(memory, Point, { x: 1, y: 2.5, name: 'first' });
  koffi.encode(memory, koffi.sizeof(Point), Point, { x: -3, y: 1e300, name: null });
  print(koffi.decode(memory, Point), koffi.decode(memory, koffi.sizeof(Point), Point));
  print(koffi.decode(memory, koffi.array(Point, 2)), koffi.decode(memory, Point, 2));
  koffi.free(memory);

  const box = koffi.alloc(Box, 1);
  koffi.encode(box, Box, {
    corners: [
      { x: 1, y: 2 },
      { x: 3, y: 4 },
    ],
    id: 'abc',
    z: 9,
  });
  print(koffi.decode(box, Box));
  koffi.free(box);

  const numbers = koffi.alloc('int', 4);
  koffi.encode(numbers, koffi.array('int', 4), [1, 2, 3, 4]);
  print(
    koffi.decode(numbers, 'int', 4),
    koffi.decode(numbers, 4, 'int'),
    koffi.decode(numbers, koffi.array('int', 4, 'Array')),
  );
  const bytes = new Uint8Array(koffi.view(numbers, 16));
  bytes[0] = 77;
  print(bytes.length, koffi.decode(numbers, 'int'), typeof koffi.address(numbers));
  koffi.free(numbers);

  const text = Buffer.from('hello\0world\0');
  print(
    koffi.decode(text, 'char', 5),
    koffi.decode(text, 'char', -1),
    koffi.decode(text, koffi.array('char', 3)),
  );
  if (koffi.decode.int !== undefined) {
    print(
      koffi.decode.int(text),
      koffi.decode.string(text),
      koffi.decode.uint16be(text),
      Object.keys(koffi.decode),
    );
  }

  if (koffi.Union !== undefined) {
    const value = new koffi.Union('Either_types');
    value.number = 123.456;
    const held = koffi.alloc(Either, 1);
    koffi.encode(held, Either, value);
    print(koffi.decode(held, 'int64_t'), koffi.decode(held, Either).number);
    koffi.encode(held, Either, { number: 0.5 });
    print(koffi.decode(held, 'int64_t'));
    koffi.free(held);
  }
  if (koffi.enumeration !== undefined) {
    const huge = windows ? 1n << 30n : 1n << 40n; // Koffi has no enumerations of 64 bits there
    const Color = koffi.enumeration('Color_types', { RED: 1, GREEN: 2, HUGE: huge });
    print(Color.values, koffi.sizeof(Color), koffi.introspect(Color).primitive);
  }

  const memcpy = libc.func('void *memcpy(_Out_ void *to, const void *from, size_t size)');
  const copy = {};
  memcpy(
    koffi.as(copy, 'Packed_types *'),
    koffi.as({ x: 5, y: 6.5 }, 'Packed_types *'),
    koffi.sizeof(Packed),
  );
  print(copy);
  const target = Buffer.alloc(6);
  memcpy(target, koffi.as([1, 2, 3], 'int16_t *'), 6);
  print(target.toString('hex'));

  const Division = koffi.struct('Division_types', { quot: 'int', rem: 'int' });
  print(
    libc.func('Division_types div(int a, int b)')(17, 5),
    libc.func('div', Division, ['int', 'int'])(-17, 5),
  );
  koffi.struct('Note_types', { text: 'char *', code: 'int' });
  const note = {};
  const storeNote = 'void thing_store_note(_Out_ Note_types *into, size_t length, int code)';
  print(koffi.load(counting).func(storeNote)(note, 3, 7), note);
  const whole = [null];
  print(libc.func('double frexp(double value, _Out_ int *exponent)')(8, whole), whole);
  const fraction = koffi.load(name).func('modf', 'double', ['double', koffi.out(koffi.pointer('double'))]);
  print(fraction(2.75, whole), whole);
  const compare = libc.func('int strncmp(str a, str b, size_t n)');
  print(compare('same', 'same', 4) === 0, compare('a', 'b', 1) < 0);

  for (const wrong of [
    () => koffi.struct('Point_types', { x: 'int' }),
    () => koffi.struct('Bad_types', { x: 'no_such_type' }),
    () => koffi.sizeof('no_such_type'),
    () => koffi.offsetof(Point, 'nothing'),
    () => koffi.decode('text', 'int'),
    () => koffi.decode(null, 'int'),
    () => koffi.decode(),
    () => koffi.decode(Buffer.alloc(4), 'no_such_type'),
    () => koffi.encode(null, 'int', 1),
    () => koffi.encode(Buffer.alloc(4), 'int', 'text'),
    () => koffi.encode(Buffer.alloc(4)),
    () => koffi.alloc('int'),
    () => koffi.alloc('int', -1),
    () => koffi.alloc('void', 1),
    () => koffi.alloc(),
    () => koffi.free('text'),
    () => koffi.free(),
    () => koffi.view('text', 1),
    () => koffi.view(),
    () => koffi.address(),
    () => koffi.address({}),
    () => koffi.as(1),
    () => koffi.as({}, 'int'),
    () => koffi.call(null, 'int'),
    () => koffi.call(),
    () => koffi.out('int'),
    () => koffi.inout(),
    () => koffi.config({ no_such_setting: 1 }),
    () => koffi.config(7),
    () => koffi.disposable('int'),
    () => koffi.pointer('no_such_type'),
    () => koffi.array('int', -1),
  ]) {
    try {
      wrong();
      print('no error', String(wrong));
    } catch (error) {
      print(error.constructor.name, error.message, error.code);
    }
  }
};
