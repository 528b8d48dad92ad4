// What `generate` and `chat` share: a model from its folder, the flags of sampling, and text that is shown as it comes.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CausalLM,
  downloadModel,
  type FinishReason,
  fromPretrained,
  type GenerateOptions,
  streamGenerate,
  Tokenizer,
} from '../lm/index.ts';
import { SeedSequence } from '../random/index.ts';
import { type BudgetKind, checkStored } from '../trainer/memory-budget.ts';
import { CliError, EXIT_USAGE } from './cli-error.ts';

/** A model and what makes its tokens. */
export interface LanguageModel {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  /** Where its files are. */
  readonly folder: string;
}

/** Flags of sampling, as commander gives them. */
export interface SamplingFlags {
  readonly maxNewTokens?: string | undefined;
  readonly temperature?: string | undefined;
  readonly topK?: string | undefined;
  readonly topP?: string | undefined;
  readonly minP?: string | undefined;
  readonly repetitionPenalty?: string | undefined;
  /** Texts that end the text. */
  readonly stop?: readonly string[] | undefined;
  readonly seed?: string | undefined;
}

/**
 * The language model of a folder; of a run's directory, the one that it saved last; of the Hub, if there is no such folder and
 * `path` is a name there.
 *
 * @param trainedBy what will train it: weights that are more than is free are then refused before they are read
 */
export async function loadLanguageModel(path: string, trainedBy?: BudgetKind): Promise<LanguageModel> {
  const folder = await modelFolderOf(path);
  if (!existsSync(join(folder, 'config.json')) && existsSync(join(folder, 'adapter_config.json'))) {
    throw new CliError(
      `${folder} holds adapters alone: put them into their model with loadLora and mergeLora, and save it with savePretrained`,
    );
  }
  if (trainedBy !== undefined) checkStored(folder, trainedBy);
  return { model: await fromPretrained(folder), tokenizer: await Tokenizer.fromPretrained(folder), folder };
}

/** The folder of a model: see {@link loadLanguageModel}. */
export async function modelFolderOf(path: string): Promise<string> {
  if (existsSync(path)) return lastModelOf(path);
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(path)) {
    throw new CliError(`There is no folder ${path}. Give the folder of a Hugging Face model, or a run's directory`);
  }
  try {
    return await downloadModel(path);
  } catch (error) {
    throw new CliError(`There is no folder ${path}; as a model of the Hugging Face Hub: ${(error as Error).message}`);
  }
}

function lastModelOf(path: string): string {
  const merged = join(path, 'model');
  if (existsSync(join(merged, 'config.json'))) return merged;
  const summary = join(path, 'summary.json');
  if (!existsSync(summary)) return path;
  const { checkpoint } = JSON.parse(readFileSync(summary, 'utf8')) as { readonly checkpoint?: unknown };
  if (typeof checkpoint === 'string') return checkpoint;
  throw new CliError(`${summary} names no checkpoint: give the model's folder`);
}

/** The options that flags spell. The seed is drawn if it is not given. */
export function generateOptions(
  flags: SamplingFlags,
  { model, tokenizer }: LanguageModel,
): GenerateOptions & { readonly seed: number } {
  return {
    maxNewTokens: numberOf('maxNewTokens', flags.maxNewTokens),
    temperature: numberOf('temperature', flags.temperature),
    topK: numberOf('topK', flags.topK),
    topP: numberOf('topP', flags.topP),
    minP: numberOf('minP', flags.minP),
    repetitionPenalty: numberOf('repetitionPenalty', flags.repetitionPenalty),
    stopStrings: flags.stop,
    tokenizer,
    seed: numberOf('seed', flags.seed) ?? new SeedSequence().generateState(1)[0]!,
    stopTokenIds: [...new Set([...model.config.eosTokenIds, ...tokenizer.eosTokenIds])],
  };
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new CliError(`--${name} is '${text}', but must be a number`, EXIT_USAGE);
  return value;
}

/** A text that a model wrote. */
export interface WrittenText {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
}

/**
 * Goes on after `prompt`, and gives each piece of text to `write` as soon as it is certain. What ends the text, token or string, is
 * not shown.
 */
export async function streamText(
  { model, tokenizer }: LanguageModel,
  prompt: readonly number[],
  options: GenerateOptions,
  write: (piece: string) => void,
): Promise<WrittenText> {
  const { maxPositions } = model.config;
  if (prompt.length === 0) throw new CliError('The prompt is empty: give it at least one token', EXIT_USAGE);
  if (prompt.length >= maxPositions) {
    throw new CliError(`The prompt has ${prompt.length} tokens, but the model reads ${maxPositions} with its answer`);
  }
  const stream = tokenizer.stream({ skipSpecialTokens: true });
  const tokens: number[] = [];
  const { stopStrings = [] } = options;
  let text = '';
  let shown = 0;
  let finishReason: FinishReason = 'aborted';
  const show = (end: number): void => {
    if (end > shown) write(text.slice(shown, end));
    shown = Math.max(shown, end);
  };
  for await (const event of streamGenerate(model, [prompt], options)) {
    tokens.push(event.token);
    finishReason = event.finishReason ?? finishReason;
    const endsAtToken = event.finishReason === 'stop' && event.stopString === undefined;
    if (!endsAtToken) text += stream.push(event.token);
    if (event.stopString !== undefined) {
      text += stream.end();
      text = text.slice(0, text.lastIndexOf(event.stopString));
    } else show(text.length - beginsOf(stopStrings, text));
  }
  text += stream.end();
  show(text.length);
  return { text, tokens, finishReason };
}

/** How many characters at the end of a text may be the beginning of a stop string. */
function beginsOf(stopStrings: readonly string[], text: string): number {
  const longest = Math.max(0, ...stopStrings.map((stop) => stop.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (stopStrings.some((stop) => stop.startsWith(end))) return length;
  }
  return 0;
}
