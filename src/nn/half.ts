// 16-bit floats, as bits in Uint16Arrays: IEEE binary16 (F16) and the upper half of a float32 (BF16).

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The value of each of the 65536 binary16 numbers. */
let table: Float32Array | undefined;

/** The exact value of each binary16 number, in `values` if it is given. */
export function float16ToFloat32(
  halves: Uint16Array,
  values: Float32Array = new Float32Array(halves.length),
): Float32Array {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
  for (let i = 0; i < halves.length; i++) values[i] = table[halves[i]!]!;
  return values;
}

/** The nearest binary16 numbers, ties to even; infinite from 65520 on. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = toFloat16(values[i]!);
  return halves;
}

function toFloat16(value: number): number {
  float[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  const magnitude = bits[0]! & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 halves are multiples of 2^-24.
  if (magnitude < 0x38800000) return sign | roundHalfEven(Math.abs(value) * 2 ** 24);
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** The exact value of each bfloat16 number, in `values` if it is given. */
export function bfloat16ToFloat32(
  halves: Uint16Array,
  values: Float32Array = new Float32Array(halves.length),
): Float32Array {
  const raw = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) raw[i] = halves[i]! << 16;
  return values;
}

/** The nearest bfloat16 numbers, ties to even. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    const raw = bits[0]!;
    const isNaN = (raw & 0x7fffffff) > 0x7f800000;
    halves[i] = isNaN ? ((raw >>> 16) & 0x8000) | 0x7fc0 : (raw + 0x7fff + ((raw >>> 16) & 1)) >>> 16;
  }
  return halves;
}

function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
