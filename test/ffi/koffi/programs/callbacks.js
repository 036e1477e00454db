'use strict';
// Callbacks, for the time of a call and registered.
const { promisify } = require('node:util');

module.exports = async (koffi, { libc: name, counting, print }) => {
  const libc = koffi.load(name);
  const lib = koffi.load(counting);
  const Compare = koffi.proto('int Compare_callbacks(const void *a, const void *b)');
  const Notify = koffi.proto('Notify_callbacks', 'int', ['void *', 'int']);
  const stats = () => koffi.stats().callbacks;

  const qsort = libc.func(
    'void qsort(_Inout_ void *array, size_t count, size_t size, Compare_callbacks *compare)',
  );
  const numbers = [5, -1, 3, 77, 0];
  qsort(
    koffi.as(numbers, 'int *'),
    numbers.length,
    4,
    (a, b) => koffi.decode(a, 'int') - koffi.decode(b, 'int'),
  );
  print(numbers);
  const words = ['pear', 'apple', 'fig'];
  qsort(koffi.as(words, 'char **'), words.length, 8, (a, b) =>
    koffi.decode(a, 'char *') < koffi.decode(b, 'char *') ? -1 : 1,
  );
  print(words);
  const typed = new Int32Array([9, 8, 7]);
  qsort(typed, 3, 4, (a, b) => koffi.decode(a, 'int') - koffi.decode(b, 'int'));
  print(typed);

  const call = lib.func('thing_call', 'int', ['void *', koffi.pointer(Notify), 'int']);
  const thing = lib.func('void *thing_new(size_t bytes)')(10);
  print(
    call(thing, (_, value) => value * 2, 21),
    stats(),
  );

  const registered = koffi.register((_, value) => value + 1, koffi.pointer(Notify));
  const second = koffi.register((_, value) => value - 1, 'Notify_callbacks *');
  print(typeof registered, stats(), call(thing, registered, 1), call(thing, second, 1));
  print(koffi.call(registered, Notify, null, 10), koffi.decode(second, Notify)(null, 10));
  print(await promisify(call.async)(thing, registered, 5));
  koffi.unregister(registered);
  koffi.unregister(second);
  print(stats());

  const counter = { count: 0 };
  const bound = koffi.register(
    counter,
    function (_, by) {
      return (this.count += by);
    },
    'Notify_callbacks *',
  );
  print(call(thing, bound, 3), call(thing, bound, 4), counter);
  koffi.unregister(bound);

  const { length: arity } = koffi.register;
  print(arity, Compare === koffi.resolve('Compare_callbacks'));
  for (const wrong of [
    () =>
      call(
        thing,
        () => {
          throw new RangeError('on purpose');
        },
        1,
      ),
    () => call(thing, () => 'no number', 1),
    () => call(thing, {}, 1),
    () => koffi.register(),
    () => koffi.register(() => {}),
    () => koffi.register('text', 'Notify_callbacks *'),
    () => koffi.register(() => {}, 'int'),
    () => koffi.register(() => {}, 'no_such_type *'),
    () => koffi.unregister(registered),
    () => koffi.unregister(),
    () => koffi.unregister('text'),
  ]) {
    try {
      print('no error', wrong());
    } catch (error) {
      print(error.constructor.name, error.message, error.code);
    }
  }
};
