/**
 * A text as it may be printed: control characters that a terminal would obey (moving the cursor, clearing the screen, setting the
 * clipboard), and marks that turn the direction of text, become visible: `\x1b[2J`. Lines and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(COMMANDS, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

// C0 and C1 controls but tab and line feed, and Unicode's bidirectional formatting.
const COMMANDS = /(?![\t\n])[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
