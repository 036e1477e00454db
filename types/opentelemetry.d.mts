import * as opentelemetry from './opentelemetry.js';

export * from './opentelemetry.js';
export default opentelemetry;
