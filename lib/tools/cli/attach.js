'use strict';
// Asks a process that runs: SIGUSR1 has Node open its inspector, and what comes in there interrupts JavaScript wherever it is.

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { SIGUSR1 } = require('node:os').constants.signals;

const TURN = 100; // milliseconds, in the mean
const TURNS = 100; // for which the inspector is waited for
const LISTENS = '0A';
const TEXT = 0x81;
const MASKED = 0x80;

class AttachError extends Error {}
class ClosedError extends AttachError {}

// At random: what opens and closes the inspector as regularly would be met closed each time.
const sleep = () => new Promise((resolve) => setTimeout(resolve, TURN * (0.5 + Math.random())));

/** That it is Node: the signal would end another program. */
function checkNode(pid) {
  let file;
  try {
    file = fs.readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch ({ code }) {
    if (code === 'ENOENT' && !fs.existsSync('/proc/self')) throw new AttachError('attach needs Linux');
    throw new AttachError(code === 'EACCES' ? `Process ${pid} is not yours` : `There is no process ${pid}`);
  }
  if (!/^node(js)?[-\d.]*$/.test(path.basename(file)))
    throw new AttachError(`Process ${pid} is no Node, but ${file}`);
}

/** The ports on which the process listens at 127.0.0.1. */
function portsOf(pid) {
  const sockets = new Set();
  for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
    try {
      sockets.add(/^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]);
    } catch {
      // Closed meanwhile.
    }
  }
  const lines = fs.readFileSync(`/proc/${pid}/net/tcp`, 'latin1').trim().split('\n').slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTENS && sockets.has(inode))
    .map(([, local]) => parseInt(local.split(':')[1], 16));
}

function get(port, file) {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: file, timeout: 1000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more) => (text += more));
      response.on('end', () => resolve(text));
    });
    request.on('timeout', () => request.destroy()).on('error', () => resolve(''));
  });
}

/** Where its inspector is, as a URL; undefined if it has opened none. */
async function inspectorOf(pid) {
  for (const port of portsOf(pid)) {
    try {
      const [{ webSocketDebuggerUrl }] = JSON.parse(await get(port, '/json/list'));
      if (webSocketDebuggerUrl !== undefined) return webSocketDebuggerUrl;
    } catch {
      // No inspector.
    }
  }
  return undefined;
}

/** Whether SIGUSR1 does not end the process, as it ends one that has only begun or that Node's handler was refused. */
function survives(pid) {
  const [, caught] = /^SigCgt:\s*(\w+)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return caught !== undefined && ((BigInt(`0x${caught}`) >> BigInt(SIGUSR1 - 1)) & 1n) === 1n;
}

async function openInspector(pid) {
  const open = await inspectorOf(pid);
  if (open !== undefined) return { url: open, isOurs: false };
  let isAsked = false;
  for (let turn = 0; turn < TURNS; turn++) {
    if (!isAsked && survives(pid)) isAsked = process.kill(pid, SIGUSR1);
    await sleep();
    const url = await inspectorOf(pid);
    if (url !== undefined) return { url, isOurs: true };
  }
  throw new AttachError(
    `Process ${pid} opens no inspector: it handles SIGUSR1 itself, or was started with --disable-sigusr1 or without the permission`,
  );
}

/** A message as a client sends it: masked, by zeroes. */
function frame(text) {
  const body = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = TEXT;
  head[1] = MASKED | 126;
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/** The first whole message in `bytes`; undefined if there is none yet. */
function messageIn(bytes) {
  if (bytes.length < 2) return undefined;
  const short = bytes[1] & 127;
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < head) return undefined;
  const length =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  return bytes.length < head + length ? undefined : bytes.toString('utf8', head, head + length);
}

/** What the expression is there, as JSON. */
function evaluate(url, expression) {
  const { hostname, port, pathname } = new URL(url);
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64'),
    'Sec-WebSocket-Version': 13,
  };
  return new Promise((resolve, reject) => {
    const request = http.get({ host: hostname, port, path: pathname, headers });
    const refuse = () => reject(new ClosedError('The inspector refuses: another debugger may be there'));
    request.on('error', refuse).on('response', refuse);
    request.on('upgrade', (response, socket, first) => {
      let bytes = first;
      const read = () => {
        const message = messageIn(bytes);
        if (message === undefined) return;
        socket.destroy();
        if (bytes[0] === TEXT) resolve(JSON.parse(message));
        else refuse(); // it says that it closes
      };
      socket.on('data', (more) => {
        bytes = Buffer.concat([bytes, more]);
        read();
      });
      socket.on('error', refuse).on('close', refuse);
      const params = { expression, includeCommandLineAPI: true, returnByValue: true };
      socket.write(frame(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params })));
      read();
    });
  });
}

const ASKED = {
  stats: () => `tally.stats()`,
  snapshot: (file) => `tally.writeHeapSnapshot(${JSON.stringify(file)})`,
  profile: (file) => `tally.writeRunning(${JSON.stringify(file)})`,
};

// What a program that ffi-tally runs has of it, in any case; and what has started a profile.
const PRELOADED = path.join('tools', 'snapshot', 'write-heap-snapshot.js');
// What one with pointers has, which may have loaded the drop-in alone.
const POINTER = path.join('pointers', 'tracked-pointer.js');
const PROFILE = path.join('tools', 'profile', 'profile.js');

// The program's own copy of this library, however it was loaded.
const inProgram = (what, file, closes) => `(() => {
  const modules = Object.values(require.cache); // where programs put what is no module, too
  const copies = (file, name) =>
    modules.filter((module) => module?.filename?.endsWith?.(file) && module.exports?.[name]);
  const whole = (copy, ...up) => copy && { exports: require(require('path').join(copy.path, ...up, 'index.js')) };
  const found = ${
    what === 'profile'
      ? `copies(${JSON.stringify(PROFILE)}, 'isRunning')
    .reduce((best, each) => (best?.exports.isRunning() ? best : each), undefined)`
      : `modules.find((module) => module?.exports?.TrackedPointer && module.exports.writeHeapSnapshot)
    ?? whole(copies(${JSON.stringify(POINTER)}, 'TrackedPointer')[0], '..')
    ?? whole(copies(${JSON.stringify(PRELOADED)}, 'writeHeapSnapshot')[0], '..', '..')`
  };
  const inspector = require('inspector'); // which is there for the expression, and not for what runs later
  ${closes ? 'setTimeout(() => inspector.close(), 100);' : ''}
  if (found === undefined) return JSON.stringify({ none: true });
  const tally = found.exports;
  return JSON.stringify({ value: ${ASKED[what](file)} });
})()`;

/** What `expressionFor(closes)` is there. Others that ask open the inspector, too, and close it meanwhile. */
async function ask(pid, expressionFor) {
  let closes = false;
  for (let turn = 1; ; turn++) {
    const { url, isOurs } = await openInspector(pid);
    closes ||= isOurs;
    try {
      return await evaluate(url, expressionFor(closes));
    } catch (error) {
      if (!(error instanceof ClosedError) || turn === TURNS) throw error;
    }
  }
}

/** What the process `pid` tells: `what` is stats, or snapshot or profile, which it writes to `file`. */
async function attach(pid, what, file) {
  checkNode(pid);
  const { result } = await ask(pid, (closes) => inProgram(what, file, closes)).catch((error) => {
    throw error.syscall === undefined ? error : new AttachError(`Process ${pid} has ended`); // its files have gone
  });
  if (result?.exceptionDetails !== undefined) {
    throw new AttachError(`Process ${pid} answers: ${result.exceptionDetails.exception?.description}`);
  }
  const { none, value } = JSON.parse(result.result.value);
  if (none) {
    const missing = what === 'profile' ? 'has not called startProfile()' : 'has not loaded ffi-tally';
    throw new AttachError(`Process ${pid} ${missing}`);
  }
  return value;
}

module.exports = { AttachError, attach };
