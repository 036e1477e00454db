'use strict';
// node load.js <port> <requests per second> <seconds>: asks for pictures at fixed times, whether or not the
// answers to earlier questions have come. Latencies count from when a request was due. Prints them as JSON.

const http = require('node:http');
const { performance } = require('node:perf_hooks');

const [port, rate, seconds] = process.argv.slice(2).map(Number);
const WARM_UP = 2; // seconds

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const total = rate * (WARM_UP + seconds);
const latencies = [];
let answered = 0;
let failed = 0;

function done() {
  if (++answered < total) return;
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor(latencies.length * share)];
  console.log(JSON.stringify({ p50: at(0.5), p90: at(0.9), p99: at(0.99), answered, failed }));
}

function ask(due, counts) {
  http
    .get({ port, host: '127.0.0.1', agent, path: '/' }, (response) => {
      response.resume();
      response.on('end', () => {
        if (counts) latencies.push(performance.now() - due);
        if (response.statusCode !== 200) failed++;
        done();
      });
    })
    .on('error', () => {
      failed++;
      done();
    });
}

const start = performance.now();
let asked = 0;

function next() {
  const now = performance.now();
  for (; asked < total && start + (asked * 1000) / rate <= now; asked++) {
    ask(start + (asked * 1000) / rate, asked >= rate * WARM_UP);
  }
  if (asked < total) setTimeout(next, 1);
}

next();
