'use strict';
// Asks fresh copies of lib/reclaim/gc.js whether there is a gc(), where the stack has less and less room for the answer.

const vm = require('node:vm');
const { hasRoom } = require('../../../lib/support/stack.js');
const { atStackEnd } = require('../../support/stack-end.js');

const file = require.resolve('../../../lib/reclaim/gc.js');

function fresh() {
  delete require.cache[file];
  return require(file);
}

const modules = Array.from({ length: 400 }, fresh);
const answers = { true: 0, undefined: 0, overflow: 0 };
let next = 0;

function ask() {
  if (next === modules.length) return true;
  try {
    answers[modules[next++].canCollect()]++;
  } catch (error) {
    if (!/call stack/.test(error.message)) throw error;
    answers.overflow++;
  }
  return true;
}

function roomy() {
  try {
    return hasRoom();
  } catch {
    return false;
  }
}

// At the very end, and from where on the room is said to be enough.
atStackEnd(ask, 10, 10);
const before = { ...answers };
const cold = next > 50;
atStackEnd(() => roomy() && ask(), 30, 10);
const sure = answers.true - before.true >= 100;
const overflows = answers.overflow - before.overflow;
const wrong = modules.filter((gc) => gc.canCollect() !== true).length;
const exposed = vm.runInNewContext('typeof gc');
console.log(JSON.stringify({ cold, early: before.true, sure, overflows, wrong, exposed }));
