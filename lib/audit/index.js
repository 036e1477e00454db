'use strict';

const koffi = require('../koffi');
const { audit } = require('./audit');
const { printAtExit } = require('./at-exit');
const { formatAudit } = require('./format');

const descriptors = Object.getOwnPropertyDescriptors(koffi);
module.exports = Object.create(Object.getPrototypeOf(koffi), descriptors);
module.exports.audit = audit;
module.exports.formatAudit = formatAudit;
module.exports.default = module.exports;
printAtExit();
