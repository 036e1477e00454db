'use strict';

const LOW = 0xffffffffn;

/** An address as C writes it. Without BigInt.prototype, where programs put things of their own. */
function hex(address) {
  const high = Number(address >> 32n);
  const low = Number(address & LOW).toString(16);
  return high === 0 ? `0x${low}` : `0x${high.toString(16)}${low.padStart(8, '0')}`;
}

module.exports = { hex };
