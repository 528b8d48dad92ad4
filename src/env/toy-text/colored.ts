// Colours on a terminal.

const CODES = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35 } as const;

/** The text in a colour, or on that colour with `highlight`: ANSI escape codes, the same as Gymnasium's `colorize`. */
export function colored(
  text: string,
  color: keyof typeof CODES,
  { bold = false, highlight = false }: { readonly bold?: boolean; readonly highlight?: boolean } = {},
): string {
  const code = CODES[color] + (highlight ? 10 : 0);
  return `\u001b[${code}${bold ? ';1' : ''}m${text}\u001b[0m`;
}
