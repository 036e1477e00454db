'use strict';

const koffi = require('../../ffi/koffi');
const { printAtExit } = require('./at-exit');
const { audit } = require('./audit');
const { formatAudit } = require('./format');

const descriptors = Object.getOwnPropertyDescriptors(koffi);
module.exports = Object.create(Object.getPrototypeOf(koffi), descriptors);
module.exports.audit = audit;
module.exports.formatAudit = formatAudit;
module.exports.default = module.exports;
printAtExit();
