'use strict';

const binding = require('../binding');
const checked = require('../books/checked');
const { kinds } = require('../books/kinds');
const { flushOrThrow, nursery } = require('../books/nursery');
const { traced, tracing } = require('../books/trace');
const majorListener = require('../reclaim/major-listener');
const { relieve } = require('../reclaim/reclaim');
const { ArgumentTypeError, OutOfMemoryError, OverflowError, TakenOverError } = require('../support/errors');
const { checkedDestructor } = require('./destructors');
const { access, creation } = require('./tracked-pointer');

const { GONE, NO_MEMORY, TOO_MUCH } = binding.protocol.taken;

/** Takes a pointer that was handed over. */
function takeOver(token) {
  const key = token?.handedOver;
  if (typeof key !== 'string') throw new ArgumentTypeError(token, 'token', 'what handOver() returned');
  const found = binding.inTransit(key);
  if (found === null) throw new OutOfMemoryError();
  if (found === undefined) throw new TakenOverError(token.label);
  const { address, size, label, shared, form, code, args } = found;
  let kind = kinds.of(label, checkedDestructor(form, code, args), shared);
  if (tracing.on) kind = traced(kind, size);
  if (checked.on) checked.admit(address, kind);
  majorListener.listen();
  flushOrThrow();
  const { pointer, answer } = creation.makeByNative(address, size, kind, () =>
    binding.takeOver(key, kind.id),
  );
  if (answer === GONE) throw new TakenOverError(label);
  if (answer === NO_MEMORY) throw new OutOfMemoryError();
  if (answer === TOO_MUCH) throw new OverflowError(size);
  nursery.flush();
  const { advice } = nursery;
  if (checked.on) checked.note(address, kind, access.slotOf(pointer));
  if (kind.place !== null) require('./last-use').begin(pointer, kind.place);
  if (advice !== 0) relieve(advice);
  return pointer;
}

module.exports = { takeOver };
