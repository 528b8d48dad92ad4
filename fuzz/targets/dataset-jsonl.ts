export { jsonl as default } from '../dataset-targets.ts';
