// Safetensors files too large to hold twice: tensors go from the file straight into memory that is already there, and back.

import { type FileHandle, open } from 'node:fs/promises';
import { type Shape, showShape, sizeOf } from '../tensor/index.ts';
import {
  decode,
  type DescribedTensor,
  encode,
  headerRange,
  layOut,
  readHeader,
  type SafetensorsDtype,
  SafetensorsError,
} from './safetensors.ts';

/** Bytes read and converted at a time. */
const CHUNK = 2 ** 20;

/** An open file. Its header has been read and checked; elements are read on demand. */
export class SafetensorsFile {
  readonly path: string;
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, { readonly dtype: SafetensorsDtype; readonly shape: Shape }>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #file: FileHandle;
  readonly #described: ReadonlyMap<string, DescribedTensor>;
  readonly #dataStart: number;

  private constructor(
    path: string,
    file: FileHandle,
    described: readonly DescribedTensor[],
    metadata: Readonly<Record<string, string>>,
    dataStart: number,
  ) {
    this.path = path;
    this.#file = file;
    this.#described = new Map(described.map((entry) => [entry.name, entry]));
    this.tensors = this.#described;
    this.metadata = metadata;
    this.#dataStart = dataStart;
  }

  /**
   * Opens a file. Close it after use.
   *
   * @throws SafetensorsError, naming the file, for anything but a well-formed file: see `readSafetensors`.
   */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const first = new Uint8Array(Math.min(8, size));
      await readFully(file, first, 0);
      const { length, dataStart } = headerRange(first, size);
      const header = new Uint8Array(length);
      await readFully(file, header, 8);
      const { described, metadata } = readHeader(header, size - dataStart);
      return new SafetensorsFile(path, file, described, metadata, dataStart);
    } catch (error) {
      await file.close();
      throw new SafetensorsError(`${path}: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * Reads the elements of tensor `name` into `target`, of the same number of elements; of F16, BF16 and F64 as float32.
   *
   * @throws SafetensorsError if there is no such tensor, it has another number of elements, or they are no floats.
   */
  async readInto(name: string, target: Float32Array): Promise<void> {
    const entry = this.#described.get(name);
    if (entry === undefined) throw new SafetensorsError(`${this.path}: there is no tensor '${name}'`);
    const { dtype, shape, start, end } = entry;
    if (sizeOf(shape) !== target.length) {
      throw new SafetensorsError(
        `${this.path}: tensor '${name}' of shape ${showShape(shape)} does not fill ${target.length} elements`,
      );
    }
    if (dtype === 'F32') {
      await readFully(
        this.#file,
        new Uint8Array(target.buffer, target.byteOffset, target.byteLength),
        this.#dataStart + start,
      );
      return;
    }
    if (dtype !== 'F16' && dtype !== 'BF16' && dtype !== 'F64') {
      throw new SafetensorsError(`${this.path}: tensor '${name}' has elements of type ${dtype}, which are no floats`);
    }
    const chunk = new Uint8Array(Math.min(CHUNK, end - start));
    const elementsPerChunk = chunk.length / (dtype === 'F64' ? 8 : 2);
    for (let from = start, at = 0; from < end; from += chunk.length, at += elementsPerChunk) {
      const bytes = chunk.subarray(0, Math.min(chunk.length, end - from));
      await readFully(this.#file, bytes, this.#dataStart + from);
      const part = target.subarray(at, at + elementsPerChunk);
      // Memory that is thrown away stays taken for a while: what has 16 bits is converted right into its place.
      const decoded = decode(dtype, bytes, part) as Float32Array | Float64Array;
      if (dtype === 'F64') part.set(decoded);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function readFully(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < target.length; ) {
    const { bytesRead } = await file.read(target, at, Math.min(target.length - at, 2 ** 30), position + at);
    if (bytesRead === 0) throw new SafetensorsError('the file ended while it was read');
    at += bytesRead;
  }
}

/** A tensor to write, whose elements are asked for when their turn comes. */
export interface TensorToWrite {
  readonly shape: Shape;
  /** F32, F16 or BF16; rounded to nearest. */
  readonly dtype: 'F32' | 'F16' | 'BF16';
  data(): Float32Array;
}

/**
 * Writes a file, tensor by tensor.
 *
 * @throws SafetensorsError if elements do not fill their shape.
 */
export async function writeSafetensorsFile(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const named = [...tensors].map(([name, tensor]) => ({ name, shape: tensor.shape, dtype: tensor.dtype, tensor }));
  const { header, ordered } = layOut(named, metadata);
  const file = await open(path, 'w');
  try {
    await file.writeFile(header);
    for (const { name, shape, dtype, tensor } of ordered) {
      const data = tensor.data();
      if (data.length !== sizeOf(shape)) {
        throw new SafetensorsError(`tensor '${name}': ${data.length} elements do not fill shape ${showShape(shape)}`);
      }
      for (let at = 0; at < data.length; at += CHUNK) {
        const part = encode(dtype, data.subarray(at, at + CHUNK));
        await file.writeFile(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
