// Arrays as Python prints them, so that a space's name reads the same here and there. Source: numpy.array2string with its
// default options (8 fractional digits, 75 columns). Arrays of over 1000 numbers are not shortened.

import type { Dtype } from './arrays.ts';
import { isFloat } from './arrays.ts';

const LINE_WIDTH = 75;
const PRECISION = 8;

/** A shape as a Python tuple: `(3,)`, `(2, 3)`. */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
}

/** One number as NumPy's `str`: `-1.0`, `3.4028235e+38`, `False`, `255`. */
export function scalarText(value: number, dtype: Dtype): string {
  if (!isFloat(dtype)) return integerText(value, dtype);
  if (!Number.isFinite(value)) return infinityText(value);
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [mantissa, exponent] = shortest(value, dtype).toExponential().split('e');
    return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  const text = positional(shortest(value, dtype));
  return text.endsWith('.') ? `${text}0` : text;
}

/** An array as NumPy's `str`. */
export function arrayText(values: ArrayLike<number>, shape: readonly number[], dtype: Dtype): string {
  const words = isFloat(dtype) ? floatWords(values, dtype) : pad(Array.from(values, (v) => integerText(v, dtype)));
  let at = 0;
  const build = (axis: number, indent: string, width: number): string => {
    if (axis === shape.length) return words[at++];
    const inner = `${indent} `;
    if (axis < shape.length - 1) {
      const parts = Array.from({ length: shape[axis] }, () => build(axis + 1, inner, width - 1));
      return `[${parts.join(`\n${'\n'.repeat(shape.length - axis - 2)}${inner}`)}]`;
    }
    // Each closing bracket still to come takes a column of the line.
    const limit = width - 1;
    const lines: string[] = [];
    let line = inner;
    for (let i = 0; i < shape[axis]; i++) {
      const word = words[at++];
      if (line.length + word.length > limit && line.length > inner.length) {
        lines.push(line.trimEnd());
        line = inner;
      }
      line += i === shape[axis] - 1 ? word : `${word} `;
    }
    lines.push(line);
    return `[${lines.join('\n').slice(inner.length)}]`;
  };
  return build(0, '', LINE_WIDTH);
}

function integerText(value: number, dtype: Dtype): string {
  if (dtype === 'bool') return value === 0 ? 'False' : 'True';
  // As doubles, the limits of int64 are powers of two; the upper one is meant to be one less.
  if (Math.abs(value) >= 2 ** 63) return value > 0 ? '9223372036854775807' : '-9223372036854775808';
  return String(value);
}

function infinityText(value: number): string {
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

/** The shortest decimal that reads back as the same float of this type. */
function shortest(value: number, dtype: Dtype): number {
  if (dtype !== 'float32') return value;
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return Number(value.toPrecision(9));
}

/** Without an exponent, and with a point even if nothing follows it: `4.`, `0.41887903`. */
function positional(value: number): string {
  let text = String(value);
  if (text.includes('e')) text = BigInt(Math.trunc(value)).toString();
  const fraction = text.split('.')[1] ?? '';
  if (fraction.length > PRECISION) text = value.toFixed(PRECISION).replace(/0+$/, '');
  return text.includes('.') ? text : `${text}.`;
}

function floatWords(values: ArrayLike<number>, dtype: Dtype): string[] {
  const finite = Array.from(values).filter((value) => Number.isFinite(value));
  const sizes = finite.map(Math.abs).filter((size) => size !== 0);
  const greatest = Math.max(...sizes);
  const least = Math.min(...sizes);
  if (sizes.length > 0 && (greatest >= 1e8 || least < 1e-4 || greatest / least > 1000)) {
    return scientificWords(values, dtype);
  }
  const parts = Array.from(values, (value) =>
    Number.isFinite(value) ? positional(shortest(value, dtype)).split('.') : [infinityText(value)],
  );
  const right = Math.max(0, ...parts.map(([, fraction]) => fraction?.length ?? 0));
  const words = parts.map(([whole, fraction]) =>
    fraction === undefined ? whole : `${whole}.${fraction.padEnd(right)}`,
  );
  return pad(words);
}

function scientificWords(values: ArrayLike<number>, dtype: Dtype): string[] {
  const digits = Array.from(values, (value) => {
    const mantissa = shortest(value, dtype).toExponential().split('e')[0];
    return Number.isFinite(value) ? (mantissa.split('.')[1]?.length ?? 0) : 0;
  });
  const precision = Math.min(PRECISION, Math.max(...digits));
  return pad(
    Array.from(values, (value) => (Number.isFinite(value) ? scientific(value, precision) : infinityText(value))),
  );
}

/** With an exponent of at least two digits, as Python writes it: `1.e-05`. */
function scientific(value: number, precision: number): string {
  const [mantissa, exponent] = value.toExponential(precision).split('e');
  const point = mantissa.includes('.') ? '' : '.';
  return `${mantissa}${point}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

function pad(words: readonly string[]): string[] {
  const width = Math.max(...words.map((word) => word.length));
  return words.map((word) => word.padStart(width));
}
