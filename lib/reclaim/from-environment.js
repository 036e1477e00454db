'use strict';
// What environment variables configure is so from the start, and the rest of configure() is loaded when it is called.

const { FFI_TALLY_BLACK_BOX, FFI_TALLY_TRACE } = process.env;

if (FFI_TALLY_BLACK_BOX || FFI_TALLY_TRACE) require('./configure');
