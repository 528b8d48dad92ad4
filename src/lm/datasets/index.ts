export { DatasetError } from './dataset-error.ts';
export type { DatasetFormat } from './formats.ts';
export { type ReadOptions, readRecords, streamRecords } from './read-records.ts';
export { type DataRecord, recordError, requiredField, textField } from './record.ts';
export { type SftExample, sftExample } from './sft-example.ts';
export { type SplitRecordsOptions, splitRecords } from './split-records.ts';
