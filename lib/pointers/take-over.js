'use strict';

const binding = require('../binding');
const checked = require('../books/checked');
const { kindFor } = require('../books/kinds');
const nursery = require('../books/nursery');
const { traced, tracing } = require('../books/trace');
const { beat, relieve } = require('../reclaim/reclaim');
const { ArgumentTypeError, OutOfMemoryError, OverflowError, TakenOverError } = require('../support/errors');
const { checkedDestructor } = require('./destructors');
const { internals } = require('./tracked-pointer');

const GONE = 1;
const TOO_MUCH = 2;
const NO_MEMORY = 3;

/** Takes a pointer that was handed over. */
function takeOver(token) {
  const key = token?.handedOver;
  if (typeof key !== 'string') throw new ArgumentTypeError(token, 'token', 'what handOver() returned');
  const found = binding.inTransit?.(key); // without the native part there is nothing in transit
  if (found === null) throw new OutOfMemoryError();
  if (found === undefined) throw new TakenOverError(token.label);
  const { address, size, label, shared, form, code, args } = found;
  let kind = kindFor(label, checkedDestructor(form, code, args), shared);
  if (tracing.on) kind = traced(kind, size);
  if (checked.on) checked.admit(address, kind);
  beat();
  nursery.refused(nursery.flush(), 0);
  const { pointer, answer } = internals.makeByNative(address, size, kind, () =>
    binding.takeOver(key, kind.id),
  );
  if (answer === GONE) throw new TakenOverError(label);
  if (answer === NO_MEMORY) throw new OutOfMemoryError();
  if (answer === TOO_MUCH) throw new OverflowError(size);
  const advice = nursery.flush();
  if (checked.on) checked.note(address, kind, internals.slotOf(pointer));
  if (advice < nursery.NO_MEMORY) relieve(advice);
  return pointer;
}

module.exports = { takeOver };
