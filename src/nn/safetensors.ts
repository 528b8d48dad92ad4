// The safetensors file format: 8 bytes of header length, a JSON header, then the elements of all tensors without gaps.
// Source: huggingface/safetensors, README ("Format") and the checks of its reference reader.

import { type Shape, showShape, sizeOf } from '../tensor/index.ts';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half.ts';
import type { StateEntry, StateData } from './state-dict.ts';

/** The element types that are read and written, by safetensors' names. */
export type SafetensorsDtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'U8' | 'BOOL';

/** A tensor of a file. F16 and BF16 come as Float32Array, BOOL as Uint8Array, the others as the array of their name. */
export interface SafetensorsEntry extends StateEntry {
  readonly dtype: SafetensorsDtype;
}

/** A file's content. */
export interface SafetensorsContent {
  /** By name, in the order of the file. */
  readonly tensors: Map<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Says what is wrong with a safetensors file, and where. */
export class SafetensorsError extends Error {
  override name = 'SafetensorsError';
}

type DataKind = 'Float64Array' | 'Float32Array' | 'BigInt64Array' | 'Int32Array' | 'Uint8Array';

/** Element sizes and arrays. The order is the reference writer's: widest first, so that all are aligned. */
const DTYPES: Readonly<Record<SafetensorsDtype, { readonly bytes: number; readonly data: DataKind }>> = {
  I64: { bytes: 8, data: 'BigInt64Array' },
  F64: { bytes: 8, data: 'Float64Array' },
  F32: { bytes: 4, data: 'Float32Array' },
  I32: { bytes: 4, data: 'Int32Array' },
  BF16: { bytes: 2, data: 'Float32Array' },
  F16: { bytes: 2, data: 'Float32Array' },
  U8: { bytes: 1, data: 'Uint8Array' },
  BOOL: { bytes: 1, data: 'Uint8Array' },
};
const ORDER = Object.keys(DTYPES) as SafetensorsDtype[];

const DEFAULT_DTYPE: Readonly<Record<DataKind, SafetensorsDtype>> = {
  Float64Array: 'F64',
  Float32Array: 'F32',
  BigInt64Array: 'I64',
  Int32Array: 'I32',
  Uint8Array: 'U8',
};

/** The reference reader refuses longer headers. */
const LONGEST_HEADER = 100_000_000;

/**
 * A file with the given tensors, byte for byte as the reference writes it.
 *
 * @param tensors by name. `dtype` is by default that of the array; F16, BF16 (rounded to nearest) and BOOL must be named.
 * @param metadata free text by key.
 * @throws SafetensorsError if elements do not fit their shape or type, or the header would be too long.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StateEntry & { readonly dtype?: SafetensorsDtype | undefined }>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const entries = [...tensors].map(([name, { shape, dtype, data }]) => {
    const kind: DataKind = data[Symbol.toStringTag];
    const type = dtype ?? DEFAULT_DTYPE[kind];
    if (DTYPES[type].data !== kind) {
      throw new SafetensorsError(
        `tensor '${name}': elements in a ${kind} cannot be written as ${type}, which takes a ${DTYPES[type].data}`,
      );
    }
    if (name === '__metadata__') throw new SafetensorsError("no tensor may be named '__metadata__': rename it");
    if (sizeOf(shape) !== data.length) {
      throw new SafetensorsError(`tensor '${name}': ${data.length} elements do not fill shape ${showShape(shape)}`);
    }
    return { name, shape, dtype: type, data };
  });
  const { header, ordered, end } = layOut(entries, metadata);
  const bytes = new Uint8Array(header.length + end);
  bytes.set(header);
  let at = header.length;
  for (const { dtype, data } of ordered) {
    const stored = encode(dtype, data);
    bytes.set(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength), at);
    at += stored.byteLength;
  }
  return bytes;
}

/** The first bytes of a file, up to the elements; the tensors in the order in which these follow; and how many bytes they take. */
export function layOut<T extends { readonly name: string; readonly shape: Shape; readonly dtype: SafetensorsDtype }>(
  tensors: readonly T[],
  metadata: Readonly<Record<string, string>> | undefined,
): { readonly header: Uint8Array; readonly ordered: readonly T[]; readonly end: number } {
  const ordered = tensors.toSorted(
    (a, b) => ORDER.indexOf(a.dtype) - ORDER.indexOf(b.dtype) || (a.name < b.name ? -1 : 1),
  );
  let end = 0;
  const header = new Map<string, unknown>();
  if (metadata !== undefined) header.set('__metadata__', metadata);
  for (const { name, shape, dtype } of ordered) {
    const start = end;
    end += sizeOf(shape) * DTYPES[dtype].bytes;
    header.set(name, { dtype, shape, data_offsets: [start, end] });
  }
  // Not one object for JSON.stringify: it would put names that look like whole numbers first.
  const text = [...header].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',');
  const json = new TextEncoder().encode(`{${text}}`);
  const length = 8 * Math.ceil(json.length / 8);
  if (length > LONGEST_HEADER) {
    throw new SafetensorsError(
      `the header would take ${length} bytes, of which readers accept ${LONGEST_HEADER}: split the file`,
    );
  }
  const bytes = new Uint8Array(8 + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.fill(0x20, 8);
  bytes.set(json, 8);
  return { header: bytes, ordered, end };
}

/**
 * The tensors and metadata of a file. Elements are views of `bytes` where type and alignment allow.
 *
 * @throws SafetensorsError for anything but a well-formed file: wrong lengths, a header that is no JSON object or has
 *   equal keys, element types that are not supported, ranges that do not fit their shape, overlap, or leave gaps.
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsContent {
  const { length, dataStart } = headerRange(bytes, bytes.length);
  const { described: entries, metadata } = readHeader(bytes.subarray(8, 8 + length), bytes.length - dataStart);
  const tensors = new Map<string, SafetensorsEntry>();
  for (const { name, dtype, shape, start, end } of entries) {
    tensors.set(name, { dtype, shape, data: decode(dtype, bytes.subarray(dataStart + start, dataStart + end)) });
  }
  return { tensors, metadata };
}

/** A tensor of a file, and where its elements are, in bytes from the end of the header. */
export interface DescribedTensor {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: Shape;
  readonly start: number;
  readonly end: number;
}

/** How long the header is and where the elements begin, by the first bytes of a file. */
export function headerRange(
  first: Uint8Array,
  fileSize: number,
): { readonly length: number; readonly dataStart: number } {
  if (fileSize < 8 || first.length < 8) fail(`it has ${fileSize} bytes, fewer than the 8 of the header's length`);
  const length = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  if (length > LONGEST_HEADER)
    fail(`its first 8 bytes give a header of ${length} bytes; at most ${LONGEST_HEADER} are read`);
  const dataStart = 8 + length;
  if (dataStart > fileSize) fail(`a header of ${length} bytes does not fit into a file of ${fileSize}`);
  return { length, dataStart };
}

/** What the JSON of a header says of the `available` bytes that follow it, all of it checked. */
export function readHeader(
  header: Uint8Array,
  available: number,
): { readonly described: readonly DescribedTensor[]; readonly metadata: Readonly<Record<string, string>> } {
  const json = parseHeader(header);
  // Pairs first: assigning to '__proto__' would set no key.
  const metadata: [key: string, text: string][] = [];
  const entries: DescribedTensor[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name !== '__metadata__') {
      entries.push({ name, ...described(name, value) });
      continue;
    }
    for (const [key, text] of Object.entries(isObject(value) ? value : fail('__metadata__ is not an object'))) {
      metadata.push([key, typeof text === 'string' ? text : fail(`__metadata__ '${key}' is not text`)]);
    }
  }
  entries.sort((a, b) => a.start - b.start || a.end - b.end);

  let at = 0;
  for (const { name, start, end } of entries) {
    if (start !== at) {
      const what = start > at ? `leaves ${start - at} bytes unused before it` : 'overlaps the tensor before it';
      fail(`tensor '${name}' begins at byte ${start} of the data, which ${what}`);
    }
    at = end;
  }
  if (at !== available) {
    const cut = at > available ? ': it was cut off' : ', some of which belong to no tensor';
    fail(`the header describes ${at} bytes of data, but the file has ${available}${cut}`);
  }
  return { described: entries, metadata: Object.fromEntries(metadata) };
}

function fail(problem: string): never {
  throw new SafetensorsError(
    `not a valid safetensors file: ${problem}. The file is damaged or of another format: fetch or write it again`,
  );
}

function parseHeader(header: Uint8Array): object {
  if (header.length === 0 || header[0] !== 0x7b) fail("the header, at byte 8, does not begin with '{'");
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header.slice());
    json = JSON.parse(text);
  } catch (error) {
    return fail(`the header is no JSON (${(error as Error).message})`);
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) fail(`the header has the key '${duplicate}' twice`);
  return isObject(json) ? json : fail('the header is no JSON object');
}

/** A tensor's entry of the header, checked by itself. */
function described(name: string, value: unknown): Omit<DescribedTensor, 'name'> {
  const at = `tensor '${name}'`;
  if (!isObject(value)) return fail(`${at} is described by ${JSON.stringify(value)}, not by an object`);
  const { dtype, shape, data_offsets: offsets } = value as Readonly<Record<string, unknown>>;
  if (typeof dtype !== 'string') return fail(`${at} has no dtype`);
  if (!Object.hasOwn(DTYPES, dtype)) {
    throw new SafetensorsError(
      `${at} has elements of type ${dtype}, which is not supported: convert it to one of ${ORDER.join(', ')}`,
    );
  }
  const known = dtype as SafetensorsDtype;
  if (!isCounts(shape)) return fail(`${at} has shape ${JSON.stringify(shape)}, not a list of sizes`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    return fail(`${at} has data_offsets ${JSON.stringify(offsets)}, not two positions`);
  }
  const [start, end] = offsets as [number, number];
  const size = sizeOf(shape) * DTYPES[known].bytes;
  if (end - start !== size) {
    fail(`${at} has ${end - start} bytes of data, but ${dtype} of shape ${showShape(shape)} takes ${size}`);
  }
  return { dtype: known, shape, start, end };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** The first key that stands twice in one object of valid JSON; JSON.parse would keep the last without a word. */
function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!;
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const start = i++;
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
      let next = i + 1;
      while (next < json.length && ' \t\n\r'.includes(json[next]!)) next++;
      if (json[next] !== ':') continue;
      const key = JSON.parse(json.slice(start, i + 1)) as string;
      if (open.at(-1)!.has(key)) return key;
      open.at(-1)!.add(key);
    }
  }
  return undefined;
}

/** Elements as they stand in a file. */
export function encode(dtype: SafetensorsDtype, data: StateData): ArrayBufferView {
  if (dtype === 'F16') return float32ToFloat16(data as Float32Array);
  if (dtype === 'BF16') return float32ToBfloat16(data as Float32Array);
  return data;
}

/** Elements from a file's bytes: views of them where type and alignment allow. Those of 16 bits go into `into`, if it is given. */
export function decode(dtype: SafetensorsDtype, bytes: Uint8Array, into?: Float32Array): StateData {
  const size = DTYPES[dtype].bytes;
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const length = byteLength / size;
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, length);
    case 'F32':
      return new Float32Array(buffer, byteOffset, length);
    case 'F16':
      return float16ToFloat32(new Uint16Array(buffer, byteOffset, length), into);
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, length), into);
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'I32':
      return new Int32Array(buffer, byteOffset, length);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer, byteOffset, length);
  }
}
