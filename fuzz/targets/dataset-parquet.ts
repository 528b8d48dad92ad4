export { parquet as default } from '../dataset-targets.ts';
