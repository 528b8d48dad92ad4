import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Linear,
  readSafetensors,
  type SafetensorsDtype,
  SafetensorsError,
  type StateEntry,
  writeSafetensors,
} from '../../src/nn/index.ts';

// Written by Python's safetensors 0.8.0, torch 2.13:
//   from safetensors.torch import save; import torch, base64
//   t = lambda data, dtype: torch.tensor(data, dtype=dtype)
//   base64.b64encode(save({
//     "b.weight": t([[1.5, -2.0, 0.25]], torch.float32), "a": t([1, -2], torch.int64),
//     "half": t([1.0, -0.5, 65504.0], torch.float16), "bf": t([3.140625, -1e30], torch.bfloat16),
//     "f64": t(0.1, torch.float64), "i32": t([7], torch.int32), "mask": t([True, False, True], torch.bool),
//     "bytes": t([0, 255], torch.uint8), "none": torch.zeros((0, 4))}, {"format": "pt"}))
const PYTHON = Buffer.from(
  `MAIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJhIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbMCwx
Nl19LCJmNjQiOnsiZHR5cGUiOiJGNjQiLCJzaGFwZSI6W10sImRhdGFfb2Zmc2V0cyI6WzE2LDI0XX0sImIud2VpZ2h0Ijp7ImR0eXBlIjoiRjMyIiwic2hh
cGUiOlsxLDNdLCJkYXRhX29mZnNldHMiOlsyNCwzNl19LCJub25lIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlswLDRdLCJkYXRhX29mZnNldHMiOlszNiwz
Nl19LCJpMzIiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOlszNiw0MF19LCJiZiI6eyJkdHlwZSI6IkJGMTYiLCJzaGFwZSI6
WzJdLCJkYXRhX29mZnNldHMiOls0MCw0NF19LCJoYWxmIjp7ImR0eXBlIjoiRjE2Iiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbNDQsNTBdfSwiYnl0
ZXMiOnsiZHR5cGUiOiJVOCIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzUwLDUyXX0sIm1hc2siOnsiZHR5cGUiOiJCT09MIiwic2hhcGUiOlszXSwi
ZGF0YV9vZmZzZXRzIjpbNTIsNTVdfX0gICAgIAEAAAAAAAAA/v////////+amZmZmZm5PwAAwD8AAADAAACAPgcAAABJQErxADwAuP97AP8BAAE=`,
  'base64',
);

const CONTENT: ReadonlyMap<string, StateEntry & { readonly dtype: SafetensorsDtype }> = new Map([
  ['a', { dtype: 'I64', shape: [2], data: BigInt64Array.of(1n, -2n) }],
  ['f64', { dtype: 'F64', shape: [], data: Float64Array.of(0.1) }],
  ['b.weight', { dtype: 'F32', shape: [1, 3], data: Float32Array.of(1.5, -2, 0.25) }],
  ['none', { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) }],
  ['i32', { dtype: 'I32', shape: [1], data: Int32Array.of(7) }],
  // The bfloat16 nearest to -1e30 is -202 * 2^92, as torch has it too.
  ['bf', { dtype: 'BF16', shape: [2], data: Float32Array.of(3.140625, -202 * 2 ** 92) }],
  ['half', { dtype: 'F16', shape: [3], data: Float32Array.of(1, -0.5, 65504) }],
  ['bytes', { dtype: 'U8', shape: [2], data: Uint8Array.of(0, 255) }],
  ['mask', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) }],
]);

describe('against Python', () => {
  it('reads its file', () => {
    const { tensors, metadata } = readSafetensors(new Uint8Array(PYTHON));
    expect([...tensors]).toEqual([...CONTENT]);
    expect(metadata).toEqual({ format: 'pt' });
  });

  it('writes its file, byte for byte, whatever order the tensors come in', () => {
    const reversed = new Map([...CONTENT].reverse());
    expect(Buffer.compare(writeSafetensors(reversed, { format: 'pt' }), PYTHON)).toBe(0);
  });
});

it('carries a module from one process to the next', () => {
  const [a, b] = [new Linear(3, 2), new Linear(3, 2)];
  b.loadStateDict(readSafetensors(writeSafetensors(a.stateDict())).tensors);
  expect(b.stateDict()).toEqual(a.stateDict());
});

it('gives back what was written, for any names and floats, at any alignment of the bytes', () => {
  const entry = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }).chain((shape) => {
    const size = shape.reduce((product, n) => product * n, 1);
    return fc
      .array(fc.float(), { minLength: size, maxLength: size })
      .map((data) => ({ shape, data: Float32Array.from(data) }));
  });
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('0', '10', '2', '__proto__', '"', 'constructor'),
  );
  const wellFormed = name.filter((text) => text !== '__metadata__');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(wellFormed, entry), { maxLength: 6 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')), fc.string()),
      fc.nat(7),
      (entries, metadata, shift) => {
        const tensors = new Map(entries);
        const written = writeSafetensors(tensors, metadata);
        const shifted = new Uint8Array(written.length + shift).subarray(shift);
        shifted.set(written);
        const content = readSafetensors(shifted);
        expect(new Map(content.tensors)).toEqual(new Map([...tensors].map(([k, v]) => [k, { dtype: 'F32', ...v }])));
        expect(Object.entries(content.metadata).sort()).toEqual(Object.entries(metadata).sort());
      },
    ),
    { numRuns: 200 },
  );
});

/** A file with a header of any text. */
function file(header: string, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const tensorOf = (shape: string, start: number, end: number, dtype = 'F32'): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${start},${end}]}`;

describe('refuses', () => {
  const long = new Uint8Array(16);
  new DataView(long.buffer).setBigUint64(0, 100_000_001n, true);
  const invalidText = file('{"x":1}');
  invalidText[10] = 0xff;
  const cases: readonly [what: string, bytes: Uint8Array, message: string][] = [
    ['an empty file', new Uint8Array(0), 'it has 0 bytes, fewer than the 8'],
    ['a header of more than 100 MB', long, 'give a header of 100000001 bytes; at most 100000000 are read'],
    ['a cut header', file('{"a":{}}').subarray(0, 12), 'a header of 8 bytes does not fit into a file of 12'],
    ['an empty header', file(''), "does not begin with '{'"],
    ['a list', file('[]'), "does not begin with '{'"],
    ['leading space', file(' {}'), "does not begin with '{'"],
    ['broken JSON', file('{"a":'), 'the header is no JSON'],
    ['broken UTF-8', invalidText, 'the header is no JSON'],
    [
      'a tensor twice',
      file(`{"a":${tensorOf('[1]', 0, 4)},"\\u0061":${tensorOf('[1]', 0, 4)}}`, 4),
      "has the key 'a' twice",
    ],
    ['a field twice', file('{"a":{"dtype":"F32","dtype":"F32"}}'), "has the key 'dtype' twice"],
    ['a tensor that is a number', file('{"a":1}'), "tensor 'a' is described by 1"],
    ['no dtype', file('{"a":{"shape":[],"data_offsets":[0,4]}}', 4), "tensor 'a' has no dtype"],
    [
      'an unknown dtype',
      file(`{"a":${tensorOf('[1]', 0, 1, 'F8_E5M2')}}`, 1),
      'elements of type F8_E5M2, which is not supported',
    ],
    [
      'an inherited dtype',
      file(`{"a":${tensorOf('[1]', 0, 1, 'toString')}}`, 1),
      'elements of type toString, which is not',
    ],
    ['a negative size', file(`{"a":${tensorOf('[-1]', 0, 4)}}`, 4), 'has shape [-1], not a list of sizes'],
    ['a size that is no whole number', file(`{"a":${tensorOf('[1.5]', 0, 6)}}`, 6), 'has shape [1.5]'],
    ['a shape that is no list', file(`{"a":${tensorOf('{}', 0, 4)}}`, 4), 'has shape {}'],
    ['three positions', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 2), 'not two positions'],
    [
      'a shape that does not fill its range',
      file(`{"a":${tensorOf('[2]', 0, 4)}}`, 4),
      'has 4 bytes of data, but F32 of shape [2] takes 8',
    ],
    ['a shape whose size overflows', file(`{"a":${tensorOf('[4294967296,4294967296]', 0, 0)}}`), 'has 0 bytes of data'],
    ['a range that runs backwards', file(`{"a":${tensorOf('[0]', 4, 0)}}`, 4), 'has -4 bytes of data'],
    ['a hole before', file(`{"a":${tensorOf('[1]', 4, 8)}}`, 8), 'leaves 4 bytes unused before it'],
    [
      'a hole between',
      file(`{"a":${tensorOf('[1]', 0, 4)},"b":${tensorOf('[1]', 8, 12)}}`, 12),
      "tensor 'b' begins at byte 8",
    ],
    [
      'an overlap',
      file(`{"a":${tensorOf('[2]', 0, 8)},"b":${tensorOf('[1]', 4, 8)}}`, 8),
      'overlaps the tensor before it',
    ],
    ['two tensors of one range', file(`{"a":${tensorOf('[1]', 0, 4)},"b":${tensorOf('[1]', 0, 4)}}`, 4), 'overlaps'],
    [
      'missing data',
      file(`{"a":${tensorOf('[2]', 0, 8)}}`, 7),
      'describes 8 bytes of data, but the file has 7: it was cut off',
    ],
    ['extra data', file(`{"a":${tensorOf('[1]', 0, 4)}}`, 5), 'but the file has 5, some of which belong to no tensor'],
    ['metadata that is no object', file('{"__metadata__":[]}'), '__metadata__ is not an object'],
    ['metadata that is no text', file('{"__metadata__":{"a":1}}'), "__metadata__ 'a' is not text"],
  ];

  it.each(cases)('%s', (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(SafetensorsError);
    expect(() => readSafetensors(bytes)).toThrow(message);
  });

  it('any damaged file with a SafetensorsError, or reads within it', () => {
    const damage = fc.array(fc.tuple(fc.nat(PYTHON.length - 1), fc.nat(255)), { maxLength: 4 });
    let refused = 0;
    fc.assert(
      fc.property(damage, fc.nat(PYTHON.length), fc.boolean(), (changes, length, cut) => {
        const bytes = new Uint8Array(PYTHON).slice(0, cut ? length : PYTHON.length);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          const { tensors } = readSafetensors(bytes);
          const elements = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
          expect(elements).toBeLessThan(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError);
          refused++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it.each([
    ['elements that do not fill the shape', { shape: [2], data: new Float32Array(3) }, 'do not fill shape [2]'],
    [
      'elements of another type',
      { shape: [1], dtype: 'F64', data: new Float32Array(1) },
      'in a Float32Array cannot be written as F64',
    ],
  ] as const)('to write %s', (_, entry, message) => {
    expect(() => writeSafetensors(new Map([['a', entry]]))).toThrow(message);
  });

  it("to write a tensor named '__metadata__'", () => {
    const entry = { shape: [1], data: new Float32Array(1) };
    expect(() => writeSafetensors(new Map([['__metadata__', entry]]))).toThrow(SafetensorsError);
  });
});
