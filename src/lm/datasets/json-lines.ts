// Where the elements of a JSON list begin, since JSON.parse does not say.

/** The line, from 1, of each element of the list that a JSON text is, or that it has under a key of its object. */
export function elementLines(json: string, key?: string): number[] {
  const lines: number[] = [];
  const listDepth = key === undefined ? 1 : 2;
  let line = 1;
  let depth = 0;
  /** The latest string at depth 1: before a list's bracket it is the list's key. */
  let name: string | undefined;
  let inList = false;
  let atElement = false;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '\n') line++;
    if (character === undefined || ' \t\r\n:'.includes(character)) continue;
    if (character === ']' || character === '}') {
      depth--;
      if (depth < listDepth) inList = false;
      continue;
    }
    if (character === ',') {
      if (inList && depth === listDepth) atElement = true;
      continue;
    }
    if (inList && atElement && depth === listDepth) {
      lines.push(line);
      atElement = false;
    }
    if (character === '"') {
      const end = endOfString(json, i);
      if (depth === 1 && !inList) name = JSON.parse(json.slice(i, end + 1)) as string;
      i = end;
    } else if (character === '[' || character === '{') {
      depth++;
      if (character === '[' && depth === listDepth && (key === undefined || name === key)) {
        inList = true;
        atElement = true;
      }
    }
  }
  return lines;
}

/** The line of a position in a text, from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < position; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (i < json.length && json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
  return i;
}
