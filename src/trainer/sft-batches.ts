// Texts as rows to learn from: one each, or several short ones side by side (packing).

/** A text to learn from. */
export interface TokenizedExample {
  /** Its tokens; two or more. */
  readonly ids: Int32Array;
  /** For each token, 1 if it is to be predicted. The first never is, some other always. */
  readonly learned: Uint8Array;
}

/** A row of a batch: one text, or several side by side. */
export interface SftRow {
  readonly examples: readonly TokenizedExample[];
  /** Tokens that are read: of each text all but the last, after which nothing is predicted. */
  readonly length: number;
  /** Tokens that are predicted and count. */
  readonly learned: number;
}

function rowOf(examples: readonly TokenizedExample[]): SftRow {
  let [length, learned] = [0, 0];
  for (const example of examples) {
    length += example.ids.length - 1;
    for (const flag of example.learned) learned += flag;
  }
  return { examples, length, learned };
}

/** Each text in a row of its own. */
export function separateRows(examples: readonly TokenizedExample[]): SftRow[] {
  return examples.map((example) => rowOf([example]));
}

/**
 * Texts side by side in rows of at most `capacity` tokens: the longest first, each into the row that it fills best. No text is
 * cut.
 */
export function packedRows(examples: readonly TokenizedExample[], capacity: number): SftRow[] {
  const rows: TokenizedExample[][] = [];
  // By the room that is left in them.
  const open: TokenizedExample[][][] = Array.from({ length: capacity + 1 }, () => []);
  for (const example of examples.toSorted((a, b) => b.ids.length - a.ids.length)) {
    const size = example.ids.length - 1;
    let room = size;
    while (room <= capacity && open[room]!.length === 0) room++;
    let row: TokenizedExample[] | undefined;
    if (room <= capacity) row = open[room]!.pop()!;
    else {
      room = capacity;
      row = [];
      rows.push(row);
    }
    row.push(example);
    open[room - size]!.push(row);
  }
  return rows.map(rowOf);
}
