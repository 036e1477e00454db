'use strict';
// Functions that only borrow, the hot case: a form for each usual number of arguments, without rest
// arguments, which cost an array on every call.

const calls = require('../../books/c-calls');

// The FFI itself complains of too few arguments, and of too many if it is `exact`; otherwise it ignores them.
function borrow1(raw, a, producer, exact, recover) {
  return function (x) {
    if (arguments.length < 1 || (exact && arguments.length > 1)) return raw.apply(undefined, arguments);
    let result;
    calls.enter();
    try {
      result = raw(a === null ? x : a(x));
    } catch (error) {
      return recover(error, arguments);
    }
    calls.exit();
    if (producer !== null) {
      result = producer.alone ? producer.produceAlone(result, 1, x) : producer.produce(result, [x]);
    }
    calls.catchUp();
    return result;
  };
}

function borrow2(raw, a, b, producer, exact, recover) {
  return function (x, y) {
    if (arguments.length < 2 || (exact && arguments.length > 2)) return raw.apply(undefined, arguments);
    let result;
    calls.enter();
    try {
      result = raw(a === null ? x : a(x), b === null ? y : b(y));
    } catch (error) {
      return recover(error, arguments);
    }
    calls.exit();
    if (producer !== null) {
      result = producer.alone ? producer.produceAlone(result, 2, x, y) : producer.produce(result, [x, y]);
    }
    calls.catchUp();
    return result;
  };
}

function borrow3(raw, a, b, c, producer, exact, recover) {
  return function (x, y, z) {
    if (arguments.length < 3 || (exact && arguments.length > 3)) return raw.apply(undefined, arguments);
    let result;
    calls.enter();
    try {
      result = raw(a === null ? x : a(x), b === null ? y : b(y), c === null ? z : c(z));
    } catch (error) {
      return recover(error, arguments);
    }
    calls.exit();
    if (producer !== null) {
      result = producer.alone
        ? producer.produceAlone(result, 3, x, y, z)
        : producer.produce(result, [x, y, z]);
    }
    calls.catchUp();
    return result;
  };
}

function borrow4(raw, a, b, c, d, producer, exact, recover) {
  return function (x, y, z, w) {
    if (arguments.length < 4 || (exact && arguments.length > 4)) return raw.apply(undefined, arguments);
    let result;
    calls.enter();
    try {
      result = raw(
        a === null ? x : a(x),
        b === null ? y : b(y),
        c === null ? z : c(z),
        d === null ? w : d(w),
      );
    } catch (error) {
      return recover(error, arguments);
    }
    calls.exit();
    if (producer !== null) {
      result = producer.alone
        ? producer.produceAlone(result, 4, x, y, z, w)
        : producer.produce(result, [x, y, z, w]);
    }
    calls.catchUp();
    return result;
  };
}

function borrow5(raw, a, b, c, d, e, producer, exact, recover) {
  return function (x, y, z, w, u) {
    if (arguments.length < 5 || (exact && arguments.length > 5)) return raw.apply(undefined, arguments);
    let result;
    calls.enter();
    try {
      result = raw(
        a === null ? x : a(x),
        b === null ? y : b(y),
        c === null ? z : c(z),
        d === null ? w : d(w),
        e === null ? u : e(u),
      );
    } catch (error) {
      return recover(error, arguments);
    }
    calls.exit();
    if (producer !== null) {
      result = producer.alone
        ? producer.produceAlone(result, 5, x, y, z, w, u)
        : producer.produce(result, [x, y, z, w, u]);
    }
    calls.catchUp();
    return result;
  };
}

function borrow6(raw, a, b, c, d, e, f, producer, exact, recover) {
  return function (x, y, z, w, u, v) {
    if (arguments.length < 6 || (exact && arguments.length > 6)) return raw.apply(undefined, arguments);
    let result;
    calls.enter();
    try {
      result = raw(
        a === null ? x : a(x),
        b === null ? y : b(y),
        c === null ? z : c(z),
        d === null ? w : d(w),
        e === null ? u : e(u),
        f === null ? v : f(v),
      );
    } catch (error) {
      return recover(error, arguments);
    }
    calls.exit();
    if (producer !== null) {
      result = producer.alone
        ? producer.produceAlone(result, 6, x, y, z, w, u, v)
        : producer.produce(result, [x, y, z, w, u, v]);
    }
    calls.catchUp();
    return result;
  };
}

const forms = [undefined, borrow1, borrow2, borrow3, borrow4, borrow5, borrow6];

/** Whether there is a form for that many arguments. */
function canBorrow(count) {
  return forms[count] !== undefined;
}

/**
 * What calls `raw` with its arguments converted, null meaning unchanged, and tracks its result. `exact` says whether `raw`
 * refuses more arguments than it has parameters. `recover(error, args)` ends a call that has thrown: it throws that, or does
 * another call in its place. It does so here because what V8 puts into one function is limited.
 */
function borrow(raw, converts, producer, exact, recover) {
  return forms[converts.length](raw, ...converts, producer, exact, recover);
}

module.exports = { borrow, canBorrow };
