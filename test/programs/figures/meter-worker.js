'use strict';

const { parentPort, workerData } = require('node:worker_threads');
const { meteredAllocator } = require('../../../lib');
const { free, malloc } = require('./meter.js');

const meter = meteredAllocator({ label: 'it' });
for (const block of workerData.blocks) free(meter.free, block);
const blocks = Array.from({ length: workerData.count }, () => malloc(meter.malloc, 1000));
parentPort.postMessage({ blocks, malloc: meter.malloc, free: meter.free });
