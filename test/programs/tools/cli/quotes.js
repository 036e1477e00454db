'use strict';

const { moreSamples } = require('./record.js');

console.error('a build failed: JavaScript heap out of memory');
moreSamples(5);
