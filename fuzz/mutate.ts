// Makes a file a little wrong. Blind changes of bytes find holes in binary formats; texts of JSON are changed as trees as well, since most
// blind changes would only break the syntax.

import type { Generator } from '../src/random/index.ts';

const LARGEST = 1 << 16;
/** Numbers at which code goes wrong. */
const NUMBERS = [
  '0',
  '-1',
  '1',
  '0.5',
  '-0',
  '127',
  '128',
  '255',
  '256',
  '65535',
  '65536',
  '2147483647',
  '2147483648',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '1e308',
  '-1e308',
  '1e-320',
  '1e999',
  '18446744073709551615',
]; // prettier-ignore
const VALUES: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => -1,
  () => 1e308,
  () => 2 ** 53,
  () => 0.5,
  () => '',
  () => '../../../../etc/passwd',
  () => '/etc/passwd',
  () => '\u0000',
  () => '\ud800',
  () => 'constructor',
  () => 'x'.repeat(5000),
  () => [],
  () => ({}),
  () => nested(2000),
  () => Array.from({ length: 3000 }, () => 0),
  () => JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}') as unknown,
];

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** A changed copy of one of `corpus`. */
export function mutated(corpus: readonly Uint8Array[], words: readonly string[], generator: Generator): Uint8Array {
  const below = (limit: number): number => (limit <= 1 ? 0 : generator.integers(0, limit));
  const any = <T>(list: readonly T[]): T => list[below(list.length)]!;
  // What was found last is changed most: it got furthest.
  const recent = below(2) === 0 ? corpus.slice(-32) : corpus;
  let bytes = Uint8Array.from(any(recent));
  const changes = 1 << below(4);
  for (let i = 0; i < changes; i++) bytes = change(bytes);
  return bytes.subarray(0, LARGEST);

  function change(from: Uint8Array): Uint8Array<ArrayBuffer> {
    const at = below(from.length + 1);
    const length = 1 + below(Math.min(from.length, 1 << below(10)));
    switch (below(11)) {
      case 0: {
        const copy = Uint8Array.from(from);
        if (copy.length > 0) copy[below(copy.length)]! ^= 1 << below(8);
        return copy;
      }
      case 1: {
        const copy = Uint8Array.from(from);
        if (copy.length > 0) copy[below(copy.length)] = any([0, 1, 0x7f, 0x80, 0xff, 0x22, 0x7b, 0x5b, 0x0a]);
        return copy;
      }
      case 2:
        return joined(from.subarray(0, at), from.subarray(at + length));
      case 3:
        return joined(from.subarray(0, at), from.subarray(at, at + length), from.subarray(at));
      case 4:
        return Uint8Array.from(from.subarray(0, at));
      case 5:
        return joined(from.subarray(0, at), encoded(words.length > 0 ? any(words) : any(NUMBERS)), from.subarray(at));
      case 6: {
        const other = any(corpus);
        return joined(from.subarray(0, at), other.subarray(below(other.length + 1)));
      }
      case 7:
        return withNumber(from);
      default:
        return withNode(from);
    }
  }

  /** Another number where one stands. */
  function withNumber(from: Uint8Array): Uint8Array<ArrayBuffer> {
    const text = Buffer.from(from).toString('latin1');
    const found = [...text.matchAll(/-?\d+(\.\d+)?/g)];
    if (found.length === 0) return Uint8Array.from(from);
    const match = any(found);
    return Uint8Array.from(
      Buffer.from(text.slice(0, match.index) + any(NUMBERS) + text.slice(match.index + match[0].length), 'latin1'),
    );
  }

  /** Another value, or none, somewhere in a tree of JSON; in bytes with a JSON header, in that header. */
  function withNode(from: Uint8Array): Uint8Array<ArrayBuffer> {
    const [start, end] = jsonBounds(from);
    let tree: unknown;
    try {
      tree = JSON.parse(Buffer.from(from.subarray(start, end)).toString('utf8'));
    } catch {
      return withNumber(from);
    }
    const text = encoded(JSON.stringify(changedTree(tree)) ?? 'null');
    const body = joined(from.subarray(0, start), text, from.subarray(end));
    // The header's length stands before it in safetensors.
    if (start === 8) new DataView(body.buffer).setBigUint64(0, BigInt(text.length), true);
    return body;
  }

  function changedTree(tree: unknown): unknown {
    if (typeof tree !== 'object' || tree === null || below(6) === 0) return below(3) === 0 ? any(words) : any(VALUES)();
    if (Array.isArray(tree)) {
      if (tree.length === 0 || below(8) === 0) return [...tree, any(VALUES)()];
      const at = below(tree.length);
      return below(8) === 0 ? tree.toSpliced(at, 1) : tree.with(at, changedTree(tree[at]));
    }
    const keys = Object.keys(tree);
    if (keys.length === 0 || below(8) === 0) return { ...tree, [below(2) === 0 ? any(words) : 'x']: any(VALUES)() };
    const key = any(keys);
    const { [key]: value, ...rest } = tree as Record<string, unknown>;
    return below(8) === 0 ? rest : { ...rest, [key]: changedTree(value) };
  }
}

/** Where the JSON of a file is: all of it, or what follows a length of eight bytes. */
function jsonBounds(bytes: Uint8Array): [start: number, end: number] {
  if (bytes.length > 8 && bytes[0] !== 0x7b && bytes[8] === 0x7b) {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    if (length <= bytes.length - 8) return [8, 8 + length];
  }
  return [0, bytes.length];
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts));
}
