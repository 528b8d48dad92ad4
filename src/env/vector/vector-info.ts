// Infos of sub-environments, collected key by key.

import type { Info } from '../env.ts';

type NumberArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/**
 * Adds the info of sub-environment `index` to `infos`, in the form that {@link VectorStepResult} documents.
 * Throws if typed arrays under one key differ in length.
 */
export function addInfo(infos: Info, info: Info, index: number, numEnvs: number): void {
  for (const key in info) {
    const value = info[key];
    if (isPlainObject(value)) {
      const nested = (infos[key] ??= {}) as Info;
      addInfo(nested, value, index, numEnvs);
    } else if (isNumberArray(value)) {
      const batch = (infos[key] ??= emptyLike(value, value.length * numEnvs)) as NumberArray;
      if (batch.length !== value.length * numEnvs) {
        throw new RangeError(
          `info.${key} of sub-environment ${index} has ${value.length} elements, others have ${batch.length / numEnvs}`,
        );
      }
      batch.set(value, index * value.length);
    } else {
      const batch = (infos[key] ??= emptyFor(value, numEnvs)) as unknown[];
      batch[index] = value;
    }
    const mask = (infos[`_${key}`] ??= new Uint8Array(numEnvs)) as Uint8Array;
    mask[index] = 1;
  }
}

/** Adds `value` to the plain array `infos[key]`, whatever it is, and marks it. */
export function addItem(infos: Info, key: string, value: unknown, index: number, numEnvs: number): void {
  const batch = (infos[key] ??= Array.from({ length: numEnvs }, () => null)) as unknown[];
  batch[index] = value;
  const mask = (infos[`_${key}`] ??= new Uint8Array(numEnvs)) as Uint8Array;
  mask[index] = 1;
}

function emptyFor(value: unknown, numEnvs: number): ArrayLike<unknown> {
  if (typeof value === 'number') return new Float64Array(numEnvs);
  if (typeof value === 'boolean') return new Uint8Array(numEnvs);
  return Array.from({ length: numEnvs }, () => null);
}

function emptyLike(value: NumberArray, length: number): NumberArray {
  return new (value.constructor as new (length: number) => NumberArray)(length);
}

function isNumberArray(value: unknown): value is NumberArray {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof DataView || value instanceof BigInt64Array || value instanceof BigUint64Array)
  );
}

function isPlainObject(value: unknown): value is Info {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
