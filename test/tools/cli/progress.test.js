/** @jest-environment ./test/support/once.js */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Progress } = require('../../../lib/tools/cli/progress.js');

const sample = (rss, more) =>
  `${JSON.stringify({ type: 'sample', at: Date.now(), rss, heap: 12.3e6, tracked: 0, ...more })}\n`;
const { isTTY, columns } = process.stderr;
let directory;
let record;
let written;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-progress-'));
  record = path.join(directory, 'record.jsonl');
  fs.writeFileSync(record, '');
  Object.assign(process.stderr, { isTTY: true, columns: 80 });
  jest.useFakeTimers();
  written = '';
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
  Object.assign(process.stderr, { isTTY, columns });
  fs.rmSync(directory, { recursive: true });
});

/** What is written in the time in which the bar is drawn again. */
function shown() {
  written = '';
  jest.advanceTimersByTime(500);
  return written;
}

/** The bar, without what moves the cursor. */
const line = () => shown().replace(/\x1b\[\d*[GK]/g, ''); // eslint-disable-line no-control-regex

test('the last sample is shown, and each byte of the record is read once', () => {
  const read = jest.spyOn(fs, 'readSync');
  const whole = jest.spyOn(fs, 'readFileSync');
  const bytesRead = () => read.mock.results.reduce((sum, { value }) => sum + value, 0);
  const progress = new Progress(record, 1e9);
  expect(shown()).toBe('');
  // A character may have several bytes, and a line may be read while it is written.
  const next = Buffer.from(`${JSON.stringify({ type: 'error', message: 'ä€' })}\n${sample(2e6)}`);
  fs.appendFileSync(record, sample(1e6).repeat(100));
  expect(shown()).toContain('1.00 MB of 1 GB');
  const half = next.indexOf('€') + 1;
  fs.appendFileSync(record, next.subarray(0, half));
  expect(shown()).toBe(''); // what has not changed is not drawn again
  fs.appendFileSync(record, next.subarray(half));
  expect(shown()).toContain('2.00 MB of 1 GB');
  fs.appendFileSync(record, sample(3e6));
  expect(shown()).toContain('3.00 MB of 1 GB');
  progress.end();
  expect(whole).not.toHaveBeenCalled();
  expect(bytesRead()).toBe(fs.statSync(record).size + 2 * half);
});

test('a bar up to the cap, and the figures', () => {
  const progress = new Progress(record, 1e9);
  fs.appendFileSync(record, sample(500e6, { tracked: 123e6, untracked: 45.6e6 }));
  expect(line()).toMatch(
    /^(█+)░+ {2}500 MB of 1 GB {2}\d s {2}untracked 45\.6 MB {2}tracked 123 MB {2}heap 12\.3 MB$/,
  );
  fs.appendFileSync(record, sample(1.2e9));
  expect(line()).toMatch(/^█{30} {2}1\.20 GB of 1 GB {2}\d s {2}heap 12\.3 MB$/);
  progress.end();
});

test.each([40, 25, 10, 3, 1])('in %i columns no figure is cut off, and no line is wrapped', (width) => {
  process.stderr.columns = width;
  const progress = new Progress(record, 1e9);
  fs.appendFileSync(record, sample(500e6, { tracked: 123e6, untracked: 45.6e6 }));
  const text = line();
  expect(text.length).toBeLessThan(Math.max(width, 2));
  expect(text).toMatch(/^█*░*( {2}500 MB of 1 GB( {2}\d s)?)?$/);
  progress.end();
});

test('what the program writes stands for itself', () => {
  const progress = new Progress(record, 1e9);
  fs.appendFileSync(record, sample(1e6));
  expect(shown()).toContain('1.00 MB');
  written = '';
  progress.write(Buffer.from('half a '));
  // The bar is gone before, and the cursor where the line began.
  expect(written).toBe('\x1b[1G\x1b[2Khalf a ');
  fs.appendFileSync(record, sample(2e6));
  expect(shown()).toBe('');
  written = '';
  progress.write(Buffer.from('line\n'));
  expect(written).toBe('line\n');
  expect(shown()).toContain('2.00 MB');
  written = '';
  progress.end();
  expect(written).toBe('\x1b[1G\x1b[2K');
  expect(shown()).toBe('');
});

test('without a cap the end of the bar is what there is', () => {
  const progress = new Progress(record);
  fs.appendFileSync(record, sample(1e6));
  expect(line()).toMatch(/ 1\.00 MB of [\d.]+ [GT]B /);
  progress.end();
});

test('nothing is written where nobody looks', () => {
  process.stderr.isTTY = false;
  const progress = new Progress(record, 1e9);
  fs.appendFileSync(record, sample(1e6));
  expect(shown()).toBe('');
  progress.write(Buffer.from('words'));
  progress.end();
  expect(written).toBe('words');
});
