'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Progress } = require('../../lib/cli/progress.js');

const sample = (rss) => `${JSON.stringify({ type: 'sample', at: 0, rss, heap: rss, tracked: 0 })}\n`;
const isTTY = process.stderr.isTTY;
let directory;
let written;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-progress-'));
  process.stderr.isTTY = true;
  jest.useFakeTimers();
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written = text;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
  process.stderr.isTTY = isTTY;
  fs.rmSync(directory, { recursive: true });
});

test('the last samples are shown, and each byte of the record is read once', () => {
  const record = path.join(directory, 'record.jsonl');
  fs.writeFileSync(record, '');
  const read = jest.spyOn(fs, 'readSync');
  const whole = jest.spyOn(fs, 'readFileSync');
  const bytesRead = () => read.mock.results.reduce((sum, { value }) => sum + value, 0);
  const progress = new Progress(record);
  jest.advanceTimersByTime(250);
  // A character may have several bytes, and a line may be read while it is written.
  const line = Buffer.from(`${JSON.stringify({ type: 'error', message: 'ä€' })}\n${sample(2e6)}`);
  fs.appendFileSync(record, sample(1e6).repeat(100));
  jest.advanceTimersByTime(250);
  expect(written).toContain('1.00 MB resident');
  const half = line.indexOf('€') + 1;
  fs.appendFileSync(record, line.subarray(0, half));
  jest.advanceTimersByTime(250);
  expect(written).toContain('1.00 MB resident');
  fs.appendFileSync(record, line.subarray(half));
  jest.advanceTimersByTime(250);
  expect(written).toContain('2.00 MB resident');
  fs.appendFileSync(record, sample(3e6));
  jest.advanceTimersByTime(250);
  expect(written).toContain('3.00 MB resident');
  progress.end();
  expect(whole).not.toHaveBeenCalled();
  expect(bytesRead()).toBe(fs.statSync(record).size + half);
});
