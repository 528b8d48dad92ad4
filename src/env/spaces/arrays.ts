// The element types of array spaces: which typed array holds each, what it can hold, and which of two holds both.

/** The typed arrays of Box values. NumPy's int64 comes as Float64Array (integers stay exact below 2^53), bool as Uint8Array. */
export interface Arrays {
  bool: Uint8Array<ArrayBuffer>;
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  int16: Int16Array<ArrayBuffer>;
  uint16: Uint16Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  uint32: Uint32Array<ArrayBuffer>;
  int64: Float64Array<ArrayBuffer>;
  float32: Float32Array<ArrayBuffer>;
  float64: Float64Array<ArrayBuffer>;
}

/** NumPy's name of an element type. */
export type Dtype = keyof Arrays;

/** NumPy's name of an integer element type. */
export type IntegerDtype = Exclude<Dtype, 'bool' | 'float32' | 'float64'>;

/** Any typed array that holds values of a space. */
export type TypedArray = Arrays[Dtype];

/** The class of the typed array of each element type. */
export const arrayClasses = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: Float64Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** The least and the greatest finite number of each element type, from the narrowest type to the widest. */
export const limits: Record<Dtype, readonly [least: number, greatest: number]> = {
  bool: [0, 1],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  float32: [-(2 - 2 ** -23) * 2 ** 127, (2 - 2 ** -23) * 2 ** 127],
  float64: [-Number.MAX_VALUE, Number.MAX_VALUE],
};

/** Whether an element type holds fractions. */
export function isFloat(dtype: Dtype): boolean {
  return dtype === 'float32' || dtype === 'float64';
}

/** `length` zeros. */
export function zeros<D extends Dtype>(dtype: D, length: number): Arrays[D] {
  return new arrayClasses[dtype](length) as Arrays[D];
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

/** Throws RangeError unless a shape is made of positive integers. */
export function checkShape(what: string, shape: readonly number[]): void {
  if (!shape.every((axis) => Number.isSafeInteger(axis) && axis > 0)) {
    throw new RangeError(`${what} needs a shape of positive integers, but got [${shape}]`);
  }
}

/** The narrowest type that holds all values of all given types: NumPy's `result_type`. */
export function resultType(dtypes: readonly Dtype[]): Dtype {
  if (dtypes.length === 0) return 'float64';
  if (dtypes.some(isFloat)) {
    // float32 holds integers of up to 16 bits exactly; wider ones need float64.
    const fits = (dtype: Dtype): boolean => dtype === 'float32' || limits[dtype][1] <= 65535;
    return dtypes.every(fits) ? 'float32' : 'float64';
  }
  const least = Math.min(...dtypes.map((dtype) => limits[dtype][0]));
  const greatest = Math.max(...dtypes.map((dtype) => limits[dtype][1]));
  const holders = (Object.keys(limits) as Dtype[]).filter(
    (dtype) => limits[dtype][0] <= least && limits[dtype][1] >= greatest,
  );
  return dtypes.find((dtype) => dtype === holders[0]) ?? narrowest(holders);
}

function narrowest(holders: readonly Dtype[]): Dtype {
  const width = (dtype: Dtype): number => arrayClasses[dtype].BYTES_PER_ELEMENT;
  return holders.reduce((best, dtype) => (width(dtype) < width(best) ? dtype : best));
}

/** A flat array as nested lists of a shape, as NumPy's `tolist`; a scalar for an empty shape. */
export function toNested(values: ArrayLike<number>, shape: readonly number[], dtype: Dtype): unknown {
  const scalar = (value: number): unknown => (dtype === 'bool' ? value !== 0 : value);
  let at = 0;
  const build = (axis: number): unknown =>
    axis === shape.length ? scalar(values[at++]) : Array.from({ length: shape[axis] }, () => build(axis + 1));
  return build(0);
}

/** Nested lists as a flat array. Throws TypeError if there is anything but numbers in them, or not `length` of them. */
export function fromNested<D extends Dtype>(data: unknown, dtype: D, length?: number): Arrays[D] {
  const flat = (Array.isArray(data) ? data.flat(Number.POSITIVE_INFINITY) : [data]) as unknown[];
  if (length !== undefined && flat.length !== length) {
    throw new TypeError(`Expected nested lists of ${length} numbers, but got ${flat.length}`);
  }
  const out = zeros(dtype, flat.length);
  flat.forEach((value, i) => {
    if (typeof value !== 'number' && typeof value !== 'boolean') {
      throw new TypeError(`Expected nested lists of numbers, but found ${String(value)}`);
    }
    out[i] = Number(value);
  });
  return out;
}
