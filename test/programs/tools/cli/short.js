'use strict';

require('./record.js').moreSamples(5);
