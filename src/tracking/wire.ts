// Protobuf messages of a few fields, written by field number.

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Writes the fields of a message. */
export type Fields = (message: Message) => unknown;

/** A message that is being written. Texts that are undefined are left out. */
class Message {
  readonly #writer = new BinaryWriter();

  string(field: number, value: string | undefined): this {
    if (value !== undefined) this.#writer.tag(field, WireType.LengthDelimited).string(value);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#writer.tag(field, WireType.LengthDelimited).bytes(value);
    return this;
  }

  /** int32, int64, uint32, uint64 and enums, of 0 or more. */
  int(field: number, value: number): this {
    this.#writer.tag(field, WireType.Varint).uint64(Math.trunc(value));
    return this;
  }

  double(field: number, value: number): this {
    this.#writer.tag(field, WireType.Bit64).double(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#writer.tag(field, WireType.Bit32).float(value);
    return this;
  }

  /** Repeated doubles, packed. */
  doubles(field: number, values: readonly number[]): this {
    this.#writer.tag(field, WireType.LengthDelimited).fork();
    for (const value of values) this.#writer.double(value);
    this.#writer.join();
    return this;
  }

  /** A message within. */
  message(field: number, fields: Fields): this {
    this.#writer.tag(field, WireType.LengthDelimited).fork();
    fields(this);
    this.#writer.join();
    return this;
  }

  /** The bytes written so far; what follows is a new message. */
  finish(): Uint8Array {
    return this.#writer.finish();
  }
}

/** One for all: a writer's memory costs more than what is written into it. */
const shared = new Message();

/** The bytes of a message. */
export function encoded(fields: Fields): Uint8Array {
  fields(shared);
  return shared.finish();
}

/** The fields of a message: numbers, or the bytes of texts and messages within. Fields of fixed width are left out. */
export function fieldsOf(message: Uint8Array): (readonly [field: number, value: number | Uint8Array])[] {
  const reader = new BinaryReader(message);
  const fields: (readonly [number, number | Uint8Array])[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.Varint) fields.push([field, Number(reader.uint64())]);
    else if (type === WireType.LengthDelimited) fields.push([field, reader.bytes()]);
    else reader.skip(type);
  }
  return fields;
}
