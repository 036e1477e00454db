import opentelemetry from './opentelemetry.js';

export const { registerMetrics } = opentelemetry;
export default opentelemetry;
