// Warnings of the environment room: things that work but are most likely not what was meant.

/** Receives the text of a warning. */
export type WarningHandler = (message: string) => void;

let handler: WarningHandler = (message) => console.warn(`gymformer: ${message}`);

/** Passes `message` to the warning handler; by default it is printed with `console.warn`. */
export function warn(message: string): void {
  handler(message);
}

/** Sends all later warnings to `next` and returns the handler that was in place, so that it can be put back. */
export function setWarningHandler(next: WarningHandler): WarningHandler {
  const previous = handler;
  handler = next;
  return previous;
}
