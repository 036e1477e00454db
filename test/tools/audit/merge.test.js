/** @jest-environment ./test/support/once.js */
'use strict';

const { mergeAudits } = require('../../../lib/tools/audit/merge.js');

/** The audit of a process in which strdup() has left so many bytes. */
function auditOf(bytes, calls) {
  const named = { library: 'libc.so.6', signature: 'char *strdup(const char *text)' };
  const figures = { calls, kept: bytes, outstanding: bytes, pointers: 0, freedBy: [], uncertain: [] };
  return {
    measures: true,
    seconds: 1,
    calls,
    functions: [{ ...named, name: 'strdup', ...figures }],
    findings: [
      {
        ...{ kind: 'leak', function: 'strdup', library: 'libc.so.6', bytes, places: [] },
        text: `strdup() keeps 10.0 KB per call: ${bytes / 1e6}.00 MB of ${calls} calls were not given back.`,
      },
    ],
  };
}

test('what processes have found is one finding, which tells the sum', () => {
  const { findings } = mergeAudits([auditOf(2e6, 200), auditOf(3e6, 300), auditOf(1e6, 100)]);
  expect(findings).toMatchObject([
    {
      bytes: 6e6,
      text: 'strdup() keeps 10.0 KB per call: 6.00 MB of 600 calls were not given back.',
    },
  ]);
});
