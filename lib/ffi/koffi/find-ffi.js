'use strict';
// Koffi, for programs that call track() and load no drop-in, where C is called through Koffi.

const binding = require('../../binding');

binding.findFfi(() => require('./ffi').ffiOf(require('koffi')));
