// `gymformer generate`: what a language model writes after a prompt, as it writes it.

import { encodePrompt } from '../trainer/sft-data.ts';
import { CliError, EXIT_INTERRUPTED, EXIT_USAGE } from './cli-error.ts';
import { generateOptions, loadLanguageModel, type SamplingFlags, streamText } from './generate-text.ts';
import { Interrupt } from './interrupt.ts';
import { printable } from './printable.ts';

/** Flags of `gymformer generate`. */
export interface GenerateFlags extends SamplingFlags {
  readonly prompt?: string | undefined;
  /** Print the result as JSON, and nothing else. */
  readonly json?: boolean | undefined;
}

/** Generates, and returns the exit code. */
export async function generate(path: string, flags: GenerateFlags): Promise<number> {
  const { prompt, json = false } = flags;
  if (prompt === undefined) throw new CliError("There is no prompt: give one with --prompt 'text'", EXIT_USAGE);
  const language = await loadLanguageModel(path);
  const options = generateOptions(flags, language);
  const interrupt = new Interrupt(() => undefined);
  const started = performance.now();
  try {
    const ids = encodePrompt(language.tokenizer, prompt);
    const written = await streamText(language, ids, { ...options, signal: interrupt.signal }, (piece) => {
      if (!json) process.stdout.write(printable(piece));
    });
    const { text, tokens, finishReason } = written;
    const tokensPerSecond = tokens.length / ((performance.now() - started) / 1000);
    const { seed } = options;
    console.log(json ? JSON.stringify({ prompt, text, tokens, finishReason, seed, tokensPerSecond }) : '');
    return finishReason === 'aborted' && interrupt.signal.aborted ? EXIT_INTERRUPTED : 0;
  } finally {
    interrupt.release();
  }
}
