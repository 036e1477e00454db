import { metrics } from '@opentelemetry/api';
import {
  assertNoLeaks,
  limitLeaks,
  limitMemory,
  monitor,
  stats,
  type GapFinding,
  type LeakError,
} from 'ffi-tally';
import { registerMetrics as observe } from 'ffi-tally/opentelemetry';
import prometheus, { registerMetrics } from 'ffi-tally/prometheus';
import { register, Registry } from 'prom-client';

registerMetrics(register);
prometheus.registerMetrics(new Registry(), { maxAccounts: 10 });
// @ts-expect-error: not a registry
registerMetrics({});
observe(metrics.getMeter('test'), {});
// @ts-expect-error: an option that does not exist
observe(metrics.getMeter('test'), { accounts: 10 });

const watching = monitor({
  interval: 1000,
  onGap: ({ bytesPerSecond, message }: GapFinding) => [bytesPerSecond, message],
});
watching.stop();
// @ts-expect-error: a handler
monitor({ onGap: true });

const before = stats({ ages: true });
before.accounts[0]?.oldestSeconds?.toFixed();
before.traces[0]?.stack.split('\n');
before.traces[0]?.collected.toFixed();
const limited: () => Promise<number> = limitMemory(
  1e6,
  limitLeaks(0n, () => 1),
);
await limited();
limitMemory(
  1e6,
  async (context: { name: string }) => context.name,
)({ name: '' }).then((name: string) => name);
// @ts-expect-error: bytes are a number
limitLeaks('8 KB', () => {});
await assertNoLeaks(before).catch((error: LeakError) => error.leaks[0]?.label);
// @ts-expect-error: sums of the process say nothing of accounts
await assertNoLeaks(stats({ scope: 'process' }));
