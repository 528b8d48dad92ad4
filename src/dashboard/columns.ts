// Rows of numbers, kept column by column in memory that grows: what a million rows cost is what their numbers cost.

type Numbers = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** A list of numbers that grows at its end. NaN stands for what is missing. */
export class Column {
  #numbers: Numbers = new Float32Array(64);
  #length = 0;
  #least = Number.POSITIVE_INFINITY;
  #greatest = Number.NEGATIVE_INFINITY;
  /** Whether numbers were taken away since the extremes were found. */
  #shrunk = false;

  get length(): number {
    return this.#length;
  }

  /** The least and the greatest number; null if all are missing. */
  get extremes(): readonly [number, number] | null {
    if (this.#shrunk) this.#findExtremes();
    return this.#least <= this.#greatest ? [this.#least, this.#greatest] : null;
  }

  get bytes(): number {
    return this.#numbers.byteLength;
  }

  at(index: number): number {
    return index < this.#length ? this.#numbers[index]! : Number.NaN;
  }

  push(value: number): void {
    // Counters of steps outgrow float32, whose whole numbers end at 2^24; measurements never need more than it has.
    const wide = Number.isInteger(value) && Math.fround(value) !== value;
    if (this.#length === this.#numbers.length) this.#grow(2 * this.#length, wide);
    else if (wide && this.#numbers instanceof Float32Array) this.#grow(this.#numbers.length, true);
    this.#numbers[this.#length++] = value;
    if (value < this.#least) this.#least = value;
    if (value > this.#greatest) this.#greatest = value;
  }

  /** Adds missing numbers until there are so many. */
  padTo(length: number): void {
    while (this.#length < length) this.push(Number.NaN);
  }

  truncate(length: number): void {
    if (length >= this.#length) return;
    this.#length = length;
    this.#shrunk = true;
  }

  #findExtremes(): void {
    [this.#least, this.#greatest, this.#shrunk] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, false];
    for (let i = 0; i < this.#length; i++) {
      const value = this.#numbers[i]!;
      if (value < this.#least) this.#least = value;
      if (value > this.#greatest) this.#greatest = value;
    }
  }

  #grow(capacity: number, wide: boolean): void {
    const Kind = wide || this.#numbers instanceof Float64Array ? Float64Array : Float32Array;
    const grown = new Kind(capacity);
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}

/** Files of other origin may have a name a row; so many names are kept. */
const MOST_COLUMNS = 256;

/** Rows of numbers by name. */
export class ColumnTable {
  readonly #columns = new Map<string, Column>();
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  get names(): readonly string[] {
    return [...this.#columns.keys()];
  }

  get bytes(): number {
    let bytes = 0;
    for (const column of this.#columns.values()) bytes += column.bytes;
    return bytes;
  }

  /** Takes the latest rows away. */
  truncate(rows: number): void {
    for (const column of this.#columns.values()) column.truncate(rows);
    this.#rows = Math.min(this.#rows, rows);
  }

  /** Adds a row. What is no number in it is left out, but true and false are 1 and 0. */
  add(row: Readonly<Record<string, unknown>>): void {
    this.#put(this.#rows, row);
    this.#rows++;
  }

  /**
   * Puts a row's numbers into the latest row, over those that it has.
   *
   * @returns whether any number that was there is another now
   */
  merge(row: Readonly<Record<string, unknown>>): boolean {
    return this.#put(this.#rows - 1, row);
  }

  #put(index: number, row: Readonly<Record<string, unknown>>): boolean {
    let changed = false;
    for (const name in row) {
      const value = row[name];
      const number = typeof value === 'boolean' ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isFinite(number)) continue;
      let column = this.#columns.get(name);
      if (column === undefined) {
        if (this.#columns.size === MOST_COLUMNS) continue;
        column = new Column();
        this.#columns.set(name, column);
      }
      const before = column.at(index);
      if (before === number || Math.fround(number) === before) continue;
      if (column.length > index) {
        changed = true;
        column.truncate(index);
      }
      column.padTo(index);
      column.push(number);
    }
    return changed;
  }

  /** The numbers of a name; shorter than the table if the latest rows have none. */
  column(name: string): Column | undefined {
    return this.#columns.get(name);
  }
}
