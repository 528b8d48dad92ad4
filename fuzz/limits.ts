// What a reader must not do, watched while it runs: take memory out of proportion to the file, open files elsewhere, run code.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

/** Bytes of arrays that a reader may take for each byte of its file, and at least. */
const [TIMES, LEAST] = [64, 8 * 2 ** 20];

const PACKAGE = resolve('package.json');

/** Something that no reader may do, whatever the file says. */
export class Forbidden extends Error {
  override readonly name = 'Forbidden';
}

/** Watches the process it is in from its construction on. */
export class Limits {
  readonly #folder: string;
  #budget = Number.POSITIVE_INFINITY;
  #broken: Forbidden | undefined;

  /** @param folder outside which nothing may be opened while a file is read */
  constructor(folder: string) {
    this.#folder = resolve(folder) + sep;
    this.#watchArrays();
    this.#watchFiles();
  }

  /** Runs `read`, and throws what it did against the rules, also if it hid that. */
  async during(bytes: number, read: () => unknown): Promise<void> {
    this.#broken = undefined;
    this.#budget = LEAST + TIMES * bytes;
    try {
      await read();
    } finally {
      this.#budget = Number.POSITIVE_INFINITY;
    }
    if (this.#broken !== undefined) throw this.#broken as Forbidden;
  }

  /** The rule that was broken in the latest run. */
  get broken(): Forbidden | undefined {
    return this.#broken;
  }

  #forbid(what: string): never {
    this.#broken ??= new Forbidden(what);
    throw this.#broken;
  }

  #take(bytes: number): void {
    this.#budget -= bytes;
    if (this.#budget < 0) this.#forbid(`arrays of ${bytes} bytes and more, far beyond what the file holds`);
  }

  #watchArrays(): void {
    const take = (bytes: number): void => this.#take(bytes);
    const watched = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
    for (const name of [
      'ArrayBuffer',
      'SharedArrayBuffer',
      'Float32Array',
      'Float64Array',
      'Int8Array',
      'Uint8Array',
      'Uint8ClampedArray',
      'Int16Array',
      'Uint16Array',
      'Int32Array',
      'Uint32Array',
      'BigInt64Array',
      'BigUint64Array',
    ]) {
      // prettier-ignore
      const original = watched[name]!;
      const { BYTES_PER_ELEMENT: size = 1 } = original as unknown as { readonly BYTES_PER_ELEMENT?: number };
      const proxy: typeof original = new Proxy(original, {
        construct(target, args, newTarget) {
          const [first] = args as [unknown];
          if (typeof first === 'number') take(first * size);
          return Reflect.construct(target, args, newTarget === proxy ? target : newTarget) as object;
        },
      });
      watched[name] = proxy;
    }
    for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
      const original = Buffer[name].bind(Buffer) as (size: number, ...rest: unknown[]) => Buffer<ArrayBuffer>;
      Object.assign(Buffer, {
        [name]: (size: number, ...rest: unknown[]) => {
          take(size);
          return original(size, ...rest);
        },
      });
    }
  }

  #watchFiles(): void {
    const check = (path: unknown): void => {
      if (this.#budget === Number.POSITIVE_INFINITY || typeof path === 'number') return;
      const full = path instanceof URL ? path.pathname : resolve(String(path));
      // Messages tell our version.
      if (full !== PACKAGE && !`${full}${sep}`.startsWith(this.#folder)) this.#forbid(`opening ${full}`);
    };
    const watch = (module: object, names: readonly string[]): void => {
      const functions = module as Record<string, (...args: unknown[]) => unknown>;
      for (const name of names) {
        const original = functions[name]!;
        functions[name] = (...args: unknown[]) => {
          check(args[0]);
          return original(...args);
        };
      }
    };
    watch(fs, [
      'openSync',
      'open',
      'readFileSync',
      'readFile',
      'createReadStream',
      'readdirSync',
      'writeFileSync',
      'opendirSync',
    ]);
    watch(fs.promises, ['open', 'readFile', 'readdir', 'writeFile', 'opendir']);
    // What was imported by name sees the watched functions too.
    syncBuiltinESMExports();
  }
}
