// What an environment says of its state as JSON, and back, to the last bit: JSON itself has neither typed arrays nor numbers such as NaN
// and minus zero.

/** The arrays of numbers that a state may have. */
const ARRAYS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
} as const;

/** Marks what JSON lacks: `{ $: 'NaN' }`, `{ $: 'Float32Array', base64 }`, and an object that has a key `$` of its own. */
const MARK = '$';

/**
 * A copy of plain data that JSON can hold.
 *
 * @param where what it is of, for the error's message
 * @throws TypeError naming the place of what is no plain data: a function, a class instance, a Map
 */
export function toJson(value: unknown, where: string): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { [MARK]: numberName(value) };
    case 'bigint':
      return { [MARK]: 'bigint', text: String(value) };
    case 'undefined':
      return { [MARK]: 'undefined' };
    case 'object':
      return value === null ? null : objectToJson(value, where);
    default:
      throw new TypeError(`${where} is a ${typeof value}, which is no plain data`);
  }
}

function numberName(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function objectToJson(value: object, where: string): unknown {
  if (Array.isArray(value)) return Array.from(value, (item, i) => toJson(item, `${where}[${i}]`));
  const name = value.constructor?.name;
  if (ArrayBuffer.isView(value) && name in ARRAYS) {
    const base64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    return { [MARK]: name, base64 };
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    throw new TypeError(`${where} is a ${name ?? 'class instance'}, which is no plain data`);
  }
  const json = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, `${where}.${key}`)]));
  return MARK in json ? { [MARK]: 'object', entries: json } : json;
}

/** What {@link toJson} was given. @throws TypeError for what it cannot have made */
export function fromJson(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(fromJson);
  if (!(MARK in json)) return unmarked(json);
  const { [MARK]: mark, base64, text, entries } = json as Readonly<Record<string, unknown>>;
  if (mark === 'undefined') return undefined;
  if (mark === 'bigint' && typeof text === 'string') return BigInt(text);
  if (mark === 'object' && typeof entries === 'object' && entries !== null) return unmarked(entries);
  if (['NaN', 'Infinity', '-Infinity', '-0'].includes(mark as string)) return Number(mark);
  const Kind = Object.hasOwn(ARRAYS, mark as string) ? ARRAYS[mark as keyof typeof ARRAYS] : undefined;
  if (Kind === undefined || typeof base64 !== 'string') throw new TypeError(`a state holds a ${String(mark)}`);
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  if (bytes.length % Kind.BYTES_PER_ELEMENT !== 0) throw new TypeError(`a state holds a part of a ${String(mark)}`);
  return new Kind(bytes.buffer);
}

function unmarked(json: object): object {
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, fromJson(item)]));
}
