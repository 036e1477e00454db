'use strict';
// Hands a pointer over and takes it over, with each allocation refused in turn.

const { POINTER, SIZE, handOver, stats, takeOver, track } = require('../../../lib');
const things = require('../../support/things.js');
const { arm, asked, disarm, unchecked } = require('./scarce.js');

const label = 'a label that does not fit into its object';
const free = { address: things.FREE_SIZED, args: [POINTER, SIZE] };
const found = { handOver: 0, takeOver: 0, unchecked: 0, codes: [], changed: 0, wentOn: 0 };

/** What `step` returns in the end; `stays()` must hold each time that it has got no memory. */
function insist(name, step, stays) {
  for (let n = 0; ; n++) {
    arm(n, n);
    try {
      const result = step();
      const happened = asked() > n;
      disarm();
      found.unchecked += Number(unchecked());
      if (happened) found.wentOn++; // a library is pinned for one, where that cannot be shared
      return result;
    } catch (error) {
      disarm();
      found.unchecked += Number(unchecked());
      if (!found.codes.includes(error.code)) found.codes.push(error.code ?? error.message);
      if (error.code === undefined) throw error;
      found[name]++;
      if (!stays()) found.changed++;
    }
  }
}

const pointer = track(things.make(100), { size: 100, free, label });
const view = pointer.view();
const { address } = pointer;
const transit = () => stats({ scope: 'process' }).inTransit.pointers;
const isHere = () => !pointer.disposed && view.byteLength === 100 && stats().bytes === 100 && transit() === 0;
const isOnItsWay = () => stats().bytes === 0 && transit() === 1;
const token = insist('handOver', () => handOver(pointer), isHere);
const taken = insist('takeOver', () => takeOver(token), isOnItsWay);
found.same = taken.address === address && taken.label === label && taken.size === 100;
taken.dispose();
const { live, freed } = things.counters();
console.log(JSON.stringify({ ...found, live, freed, left: transit() }));
