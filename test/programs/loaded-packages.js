'use strict';
// Uses every entry point, and prints from which packages scripts were loaded.

const { Session } = require('node:inspector');

// Debugger.enable tells of scripts that are there already, and of ES modules.
const urls = [];
const session = new Session();
session.connect();
session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url));
session.post('Debugger.enable');

async function load() {
  for (const name of ['ffi-tally', 'ffi-tally/koffi', 'ffi-tally/audit']) {
    require(name);
    await import(name);
  }
  require('ffi-tally').stats();
  require('ffi-tally/audit').load(null).func('int abs(int n)')(-1);
  require('ffi-tally/audit').audit();
}

load().then(() => {
  const names = urls.map(
    (url) =>
      url
        .split(/node_modules[/\\]/)
        .at(1)
        ?.split(/[/\\]/)[0],
  );
  console.log(JSON.stringify([...new Set(names)].filter((name) => name !== undefined)));
});
