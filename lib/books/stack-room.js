'use strict';
// Whether the stack has room for what must not be cut short. To find out is dear, so it is done once for each depth.

const binding = require('../binding');
const { needRoom } = require('../support/stack');

let deepest = Infinity; // where there was room; stacks grow downwards

/** Throws, as V8 does, where the stack is nearly full. */
function reserveRoom() {
  const here = binding.stackPosition();
  if (here >= deepest) return;
  needRoom();
  deepest = here;
}

/** Whether reserveRoom() would not throw. */
function haveRoom() {
  try {
    reserveRoom();
    return true;
  } catch {
    return false;
  }
}

module.exports = { haveRoom, reserveRoom };
