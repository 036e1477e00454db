'use strict';
// Leaves a process behind, and prints its id.

const { spawn } = require('node:child_process');
const { moreSamples } = require('./record.js');

const left = spawn('sleep', ['300'], { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
console.log(`left ${left.pid}`);
left.unref();
moreSamples(3);
