// What transformers does with the tokenizers in test/fixtures/tokenizers; record.py there makes and records them.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ChatMessage, ChatOptions } from '../../src/lm/chat.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/tokenizers/', import.meta.url));

export interface RecordedTokenizer {
  readonly size: number;
  readonly bos: number | null;
  readonly eos: number | null;
  readonly pad: number | null;
  readonly unk: number | null;
  readonly special: number[];
  readonly rows: readonly {
    readonly text: string;
    readonly ids: number[];
    readonly plain: number[];
    readonly decoded: string;
    readonly skipped: string;
  }[];
  readonly batches?: readonly {
    readonly padding: 'left' | 'right';
    readonly truncation: 'left' | 'right';
    readonly ids: number[][];
    readonly mask: number[][];
  }[];
}

export interface RecordedChats {
  readonly templates: Record<string, { readonly family: string; readonly template: string }>;
  readonly cases: readonly {
    readonly template: string;
    readonly name: string;
    readonly messages: ChatMessage[];
    readonly options: ChatOptions;
    readonly text?: string;
    readonly ids?: number[];
    readonly mask?: number[];
    readonly error?: string;
  }[];
}

const read = (name: string): unknown => JSON.parse(readFileSync(`${FIXTURES}${name}`, 'utf8'));

/** The kinds of tokenizers, as the model families have them. */
export const families = ['gpt2', 'qwen2', 'llama3', 'llama2'] as const;

export const folderOf = (family: string): string => `${FIXTURES}${family}`;
const recordedTokenizers = read('expected.json') as Record<string, RecordedTokenizer>;
export const recordedChats = read('chat.json') as RecordedChats;
/** What the tokenizers were trained on. */
export const corpus = read('corpus.json') as string[];

export function recorded(family: string): RecordedTokenizer {
  const found = recordedTokenizers[family];
  if (found === undefined) throw new Error(`nothing is recorded for ${family}`);
  return found;
}
