'use strict';
// The rooms of lib/, the lower ones first: what each may import is in docs/internals.md. scripts/lint.js runs this.

const ROOMS = [
  ['support'],
  ['binding'],
  ['books'],
  ['reclaim'],
  ['pointers'],
  ['ownership', 'figures'],
  ['ffi'],
  ['tools'],
];
// Of the rooms that have several, likewise.
const INNER = {
  ownership: [['size'], ['call'], ['declare']],
  ffi: [['koffi'], ['node-ffi']],
  tools: [['audit', 'monitor'], ['record', 'page'], ['cli']],
};

/** For each room, that it imports none that is beside it or above. */
function oneWay(folder, floors) {
  return floors
    .flatMap((floor, at) =>
      floor.map((room) => {
        const others = floors
          .slice(at)
          .flat()
          .filter((other) => other !== room);
        return {
          name: `${folder}${room} imports only what is below it`,
          severity: 'error',
          from: { path: `^${folder}${room}/` },
          to: { path: `^${folder}(${others.join('|')})/` },
        };
      }),
    )
    .filter(({ to }) => !to.path.includes('()'));
}

module.exports = {
  forbidden: [
    ...oneWay('lib/', ROOMS),
    ...Object.entries(INNER).flatMap(([room, floors]) => oneWay(`lib/${room}/`, floors)),
    {
      name: 'no file imports the entry point',
      severity: 'error',
      from: { path: '^lib/.*/' },
      to: { path: '^lib/(index|public)\\.m?js$' },
    },
    { name: 'no circle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'nothing missing',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^node:' },
    },
    {
      name: 'every file is reached',
      severity: 'error',
      from: {
        orphan: true,
        // Started by their paths, or by Node.
        pathNot:
          '^lib/tools/(jest\\.js|page/(page|flame)\\.browser\\.js|record/(sampler|register|hooks)\\.m?js)$',
      },
      to: {},
    },
  ],
  options: { doNotFollow: { path: 'node_modules' }, includeOnly: '^lib/' },
};
