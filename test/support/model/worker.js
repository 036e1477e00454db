'use strict';
// A thread that makes pointers and takes those that it is given. It answers every message, with what that `how` returns.

const { parentPort } = require('node:worker_threads');
const { collect, handOver, takeOver, track } = require('../../../lib');
const things = require('../things.js');

const kept = [];

const hows = {
  make(size) {
    const address = things.make(size);
    return {
      id: Number(things.id(address)),
      token: handOver(track(address, { size, free: things.FREE, label: 'red' })),
    };
  },
  dispose: (token) => takeOver(token).dispose(),
  drop(token) {
    (() => void takeOver(token))();
    collect();
  },
  keep: (token) => void kept.push(takeOver(token)),
  'hand back': (token) => handOver(takeOver(token)),
  exit: () => parentPort.close(),
};

parentPort.on('message', ({ how, given }) => parentPort.postMessage(hows[how](given)));
