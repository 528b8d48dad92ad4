// `gymformer chat`: a conversation with a language model, line by line.

import { createInterface, type Interface } from 'node:readline';
import type { ChatMessage } from '../lm/index.ts';
import { CliError, EXIT_INTERRUPTED } from './cli-error.ts';
import {
  generateOptions,
  type LanguageModel,
  loadLanguageModel,
  type SamplingFlags,
  streamText,
} from './generate-text.ts';
import { ourCommand } from './our-command.ts';
import { printable } from './printable.ts';

/** Flags of `gymformer chat`. */
export interface ChatFlags extends SamplingFlags {
  /** What the model is told before the conversation. */
  readonly system?: string | undefined;
}

/** Talks until the input ends, `/exit`, or Ctrl-C where no reply is under way; returns the exit code. */
export async function chat(path: string, flags: ChatFlags): Promise<number> {
  const language = await loadLanguageModel(path);
  if (language.tokenizer.chatTemplate === undefined) {
    throw new CliError(
      `${path} has no chat template: it was not made to converse. Use \`${ourCommand()} generate ${path}\`, or an instruction-tuned model`,
    );
  }
  return new Chat(language, flags).run();
}

class Chat {
  readonly #language: LanguageModel;
  readonly #flags: ChatFlags;
  readonly #lines: Interface;
  readonly #isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  #messages: ChatMessage[] = [];
  #replies = 0;
  #reply: AbortController | undefined;
  #interrupted = false;

  constructor(language: LanguageModel, flags: ChatFlags) {
    this.#language = language;
    this.#flags = flags;
    this.#reset();
    const terminal = this.#isTerminal;
    this.#lines = createInterface({ input: process.stdin, output: terminal ? process.stdout : undefined, terminal });
  }

  async run(): Promise<number> {
    const interrupt = (): void => this.#interrupt();
    // A terminal that readline listens to gives Ctrl-C to readline, not to the process.
    this.#lines.on('SIGINT', interrupt);
    process.on('SIGINT', interrupt);
    try {
      this.#prompt('/reset begins anew, /exit ends, Ctrl-C stops a reply.\n');
      for await (const line of this.#lines) {
        if (this.#interrupted || line.trim() === '/exit') break;
        await this.#answer(line.trim());
        if (this.#interrupted) break;
        this.#prompt();
      }
    } finally {
      process.off('SIGINT', interrupt);
      this.#lines.close();
    }
    return this.#interrupted ? EXIT_INTERRUPTED : 0;
  }

  async #answer(line: string): Promise<void> {
    if (line === '') return;
    if (line === '/reset') this.#reset();
    else if (line.startsWith('/')) console.error(`There is no ${line}; there are /reset and /exit`);
    else await this.#converse(line);
  }

  async #converse(content: string): Promise<void> {
    this.#messages.push({ role: 'user', content });
    this.#reply = new AbortController();
    const { tokenizer } = this.#language;
    try {
      const ids = tokenizer.applyChatTemplate(this.#messages, { addGenerationPrompt: true });
      const options = generateOptions(this.#flags, this.#language);
      // Each reply draws from a stream of its own.
      const seed = options.seed + this.#replies++;
      const { signal } = this.#reply;
      const { text } = await streamText(this.#language, ids, { ...options, seed, signal }, (piece) => {
        process.stdout.write(printable(piece));
      });
      process.stdout.write('\n');
      this.#messages.push({ role: 'assistant', content: text });
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      this.#messages.pop();
      console.error(printable(`${error.message}. /reset begins anew`));
    } finally {
      this.#reply = undefined;
    }
  }

  /** The first ends the reply under way; one where there is none, or a second, ends the conversation. */
  #interrupt(): void {
    if (this.#reply !== undefined && !this.#reply.signal.aborted) {
      this.#reply.abort();
      return;
    }
    this.#interrupted = true;
    this.#lines.close();
  }

  #reset(): void {
    const { system } = this.#flags;
    this.#messages = system === undefined ? [] : [{ role: 'system', content: system }];
  }

  #prompt(before = ''): void {
    if (!this.#isTerminal) return;
    process.stdout.write(before);
    this.#lines.setPrompt('> ');
    this.#lines.prompt();
  }
}
