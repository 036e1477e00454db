'use strict';

const { version } = require('../../../package.json');

const HELP = `ffi-tally ${version}: where native memory goes that V8 cannot see

Usage
  ffi-tally check [options] -- app.js [arguments]   run a program under pressure, and judge its memory
  ffi-tally audit [options] -- app.js [arguments]   run it, and tell which C function keeps memory
  ffi-tally report [options] record.jsonl           print what was recorded
  ffi-tally compare [--json] A.jsonl B.jsonl        print what has changed from one record to another
  ffi-tally snapshot [options] -- app.js [arguments]   run it; a heap snapshot at its end, pointers weighed
  ffi-tally profile [options] -- app.js [arguments]   run it; what C libraries allocate, sampled, with stacks
  ffi-tally attach PID stats                        print stats() of a process that runs and uses ffi-tally
  ffi-tally attach PID snapshot [--out FILE]        have it write a heap snapshot, pointers weighed
  ffi-tally attach PID profile [--out FILE]         have it write the profile that startProfile() has begun
  ffi-tally post-mortem [--json] box.bin            print how a process with a black box ended
  ffi-tally build                                   compile the native part, where no binary fits this machine

What follows -- is what you would write after \`node\`, options of Node included. The program does not have to be
changed or know of ffi-tally: CommonJS and ES modules, with Koffi 2 or 3.

check
  --heap MB        the largest JavaScript heap that V8 may have, so that a leak shows early (default 128)
  --rss SIZE       stop the program when its resident memory passes this, such as 512M or 2G (default 1G); each
                   process that it starts has as much
  --timeout SEC    stop it after so many seconds (default 60)
  --audit          measure the C functions too, and name those that keep memory; each call costs some µs more

audit
  --heap, --rss, --timeout as above, with no default: the program runs until it ends

snapshot
  --out FILE       where the snapshot goes, for the Memory tab of DevTools
  --timeout SEC    write it after so many seconds, and stop the program; Ctrl-C does the same

profile
  --out FILE       where it goes: .html for a flame graph, .heapprofile for DevTools (what is in use),
                   .speedscope.json, .pb.gz for pprof
  --every SIZE     one sample for so many bytes, on average (default 512 KiB)
  --timeout SEC    write it after so many seconds, and stop the program; Ctrl-C does the same

check, audit and report
  --html FILE      write a page with the time line of the memory; it needs no network
  --json           print the result as JSON, see ffi-tally/result.schema.json; the program prints to stderr
  --record FILE    keep the record of the run, for \`ffi-tally report\` (not for report)
  -h, --help       this text
  --version        ${version}

Exit code
  0  nothing found
  1  memory that grows was found, or the program was stopped at --rss; by compare, if it was not before
  2  the command line is wrong, or ffi-tally itself failed, as for want of space
  3  the program failed by itself, and no memory problem was found

Examples
  npx ffi-tally check -- server.js
  npx ffi-tally check --audit --rss 512M --timeout 30 --html memory.html -- worker.mjs --jobs 100
  npx ffi-tally audit -- --import tsx convert.ts photo.png

Ctrl-C stops the program, and the result is printed all the same.
`;

module.exports = { HELP, version };
