'use strict';
// What an address is in C: a word of this processor.

const BITS = ['arm', 'ia32', 'mips', 'mipsel'].includes(process.arch) ? 32 : 64;

module.exports = { BITS, BYTES: BITS / 8 };
