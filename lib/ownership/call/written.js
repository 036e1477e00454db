'use strict';
// Writes the functions that call one function of C. V8 optimizes a call by what the same line has called before, and all
// closures of one function share its lines: where a program declares a dozen, no call of theirs would be fast. So each has
// code of its own, with what it needs and no more.

const { compileFunction } = require('node:vm');
const calls = require('../../books/c-calls');
const inHand = require('../../books/in-hand');
const { meanings } = require('../../books/kinds');
const { reserveRoom } = require('../../books/stack-room');
const { adoptUnsized } = require('../../pointers/adopt');
const { abandon, begin, end } = require('../size/counting');

const common = {
  abandon,
  adoptUnsized,
  begin,
  calls,
  end,
  expect: inHand.expect,
  meanings,
  reserveRoom,
  ...inHand.names,
};

/**
 * The function that `code` is, in which the names of `values` mean these. V8 may know the text from before. What it learns of
 * the lines it keeps for each such function.
 */
function compile(code, values) {
  const text = `'use strict'; return ${code}`;
  const scope = { ...common, heldId: values.held?.id, ...values };
  return compileFunction(text, Object.keys(scope), { filename: __filename })(...Object.values(scope));
}

/** `func`, which looks as `like` does. */
function named(func, like) {
  for (const key of ['name', 'length'])
    Object.defineProperty(func, key, { value: like[key], configurable: true });
  return func;
}

// A call with a wrong number of arguments goes to the FFI as it is, which complains.
const namesFor = (count) => Array.from({ length: count }, (_, i) => `x${i}`);

// Which set `result`. `held`: the kind of the pointer that C returns, which is in hand from then on; `needsRoom`: to track
// it; `about`: as begin() wants it, where the call is counted.
function linesOfCall(passed, { held, needsRoom, about }) {
  const lines = `
    ${needsRoom ? 'reserveRoom();' : ''}
    ${held === null ? '' : 'expect(held);'}
    result = raw(${passed});
    ${held === null ? '' : inHand.LINES}`;
  if (about === null) return lines;
  return `
    const frame = begin(about);
    try { ${lines}
      end(frame, about);
    } catch (error) {
      abandon(frame);
      throw error;
    }`;
}

// Which make a tracked pointer of `result`.
function linesOfProducer(names, producer) {
  if (producer === null) return '';
  if (!producer.alone) return `result = producer.produce(result, [${names}]);`;
  if (!producer.asks) return 'result = producer.produceAlone(result);';
  const { takesArguments } = producer.measure;
  return `
    const address = producer.found(result);
    if (!address) { // 0n, found faster than by comparing
      result = null;
    } else {
      const pointer = adoptUnsized(address, kind);
      let size;
      try {
        size = sizeOf(address${takesArguments ? names.map((name) => `, ${name}`).join('') : ''});
      } catch (error) {
        throw producer.unsized(pointer, address, error);
      }
      result = producer.sized(pointer, address, size);
    }`;
}

/** A function that calls what `following` has in place of `raw`: see ../../ffi/koffi/follow.js. */
function writeForward(raw, following) {
  const names = namesFor(raw.info.arguments.length);
  const forward = compile(
    `function (${names}) {
      if (meanings.version !== following.version) following.renew();
      const { func } = following;
      if (arguments.length !== ${names.length}) return func.apply(undefined, arguments);
      return func(${names});
    }`,
    { following },
  );
  return named(forward, raw);
}

/** A function that calls `raw`, whose plan that is, `how` linesOfCall() says. */
function writeCall(raw, { params, variadic }, how) {
  const names = variadic ? ['...args'] : namesFor(params.length);
  return compile(
    `function (${names}) {
      ${variadic ? '' : `if (arguments.length !== ${names.length}) return raw.apply(undefined, arguments);`}
      let result;
      ${linesOfCall(names, how)}
      return result;
    }`,
    { ...how, raw },
  );
}

/**
 * The same for one that is called with its arguments converted, null meaning unchanged, and of which the result is tracked.
 * `recover(error, args)` ends a call that has thrown: it throws that, or does another call in its place.
 */
function writeBorrow(raw, converts, how, { exact, producer }, recover) {
  const names = namesFor(converts.length);
  const converted = converts.map((convert, i) =>
    convert === null ? '' : `const a${i} = convert${i}(x${i});`,
  );
  const passed = converts.map((convert, i) => (convert === null ? `x${i}` : `a${i}`));
  const values = { ...how, raw, producer, recover, kind: producer?.kind, sizeOf: producer?.measure.function };
  converts.forEach((convert, i) => (values[`convert${i}`] = convert));
  return compile(
    `function (${names}) {
      if (arguments.length ${exact ? '!==' : '<'} ${names.length}) return raw.apply(undefined, arguments);
      let result;
      calls.enter();
      try {
        ${converted.join('\n')}
        ${linesOfCall(passed, how)}
      } catch (error) {
        return recover(error, arguments);
      }
      calls.exit();
      ${linesOfProducer(names, producer)}
      calls.catchUp();
      return result;
    }`,
    values,
  );
}

module.exports = { named, writeBorrow, writeCall, writeForward };
