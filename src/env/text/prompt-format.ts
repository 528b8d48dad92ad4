// From a question to the text of a prompt.

import { EnvError } from '../errors.ts';
import type { Problem, WorkedProblem } from './problems.ts';
import type { TextMessage, TextTokenizer } from './text-tokenizer.ts';

/** What the model is told before any question. */
export const DEFAULT_SYSTEM_MESSAGE = `Solve the problem step by step, one operation a line, between <think> and </think>.
Mind the order of operations: first what is in parentheses, then multiplication and division, then addition and subtraction, each from left to right.
Then give the answer, and nothing but the answer, between <final_answer> and </final_answer>.`;

/** Two questions with the answers that the model should give. */
export const DEFAULT_FEW_SHOT: readonly WorkedProblem[] = [
  {
    question: 'What is 7 + 2 * 5?',
    answer: '17',
    solution: '<think>\n7 + 2 * 5\n= 7 + 10\n= 17\n</think>\n<final_answer>17</final_answer>',
  },
  {
    question: 'What is (9 - 4) * 3 / 5?',
    answer: '3',
    solution: '<think>\n(9 - 4) * 3 / 5\n= 5 * 3 / 5\n= 15 / 5\n= 3\n</think>\n<final_answer>3</final_answer>',
  },
];

/** The prompt of format `plain` unless another is given. */
export const DEFAULT_TEMPLATE = '{system}\n\n{examples}Question: {question}\n';

/** How questions become prompts. */
export interface PromptFormatOptions {
  /**
   * `chat`: system message, examples and question as turns of a conversation, through the tokenizer's chat template;
   * `plain`: text after `template`.
   */
  readonly promptFormat: 'chat' | 'plain';
  /** Text with the places `{system}`, `{examples}` and `{question}`; the first two may be left out. */
  readonly template: string;
  readonly systemMessage: string;
  /** Questions with answers to show before the question. */
  readonly fewShot: readonly Problem[];
}

/** The text of a prompt, and whether the tokenizer should put its special tokens around it. */
export interface FormattedPrompt {
  readonly text: string;
  readonly addSpecialTokens: boolean;
  /** For format `chat`: the turns that the text spells. */
  readonly messages?: readonly TextMessage[];
}

/**
 * The function from questions to prompts.
 *
 * @throws EnvError if the tokenizer cannot chat, or the template has no place for the question
 */
export function promptFormatter(
  tokenizer: TextTokenizer,
  { promptFormat, template, systemMessage, fewShot }: PromptFormatOptions,
): (question: string) => FormattedPrompt {
  const examples = fewShot.map(({ question, answer, solution }) => ({
    question,
    solution: solution ?? `<think>\n</think>\n<final_answer>${answer}</final_answer>`,
  }));
  if (promptFormat === 'chat') {
    if (tokenizer.applyChatTemplate === undefined) {
      throw new EnvError("promptFormat 'chat' needs a tokenizer with a chat template: use promptFormat 'plain'");
    }
    const before: readonly TextMessage[] = [
      ...(systemMessage === '' ? [] : [{ role: 'system', content: systemMessage } as const]),
      ...examples.flatMap(({ question, solution }) => [
        { role: 'user', content: question } as const,
        { role: 'assistant', content: solution } as const,
      ]),
    ];
    const options = { addGenerationPrompt: true, tokenize: false } as const;
    const chat = (question: string): FormattedPrompt => {
      const messages: readonly TextMessage[] = [...before, { role: 'user', content: question }];
      return { text: tokenizer.applyChatTemplate!(messages, options), addSpecialTokens: false, messages };
    };
    try {
      // A tokenizer without a template, or one whose template wants other turns, says so now rather than in training.
      chat('?');
    } catch (cause) {
      throw new EnvError(`promptFormat 'chat' fails: ${(cause as Error).message}. Or use promptFormat 'plain'`, {
        cause,
      });
    }
    return chat;
  }
  if (promptFormat !== 'plain') {
    throw new EnvError(`promptFormat is ${JSON.stringify(promptFormat)}, but must be 'chat' or 'plain'`);
  }
  if (!template.includes('{question}')) {
    throw new EnvError(`the template ${JSON.stringify(template)} has no {question}, so every prompt would be the same`);
  }
  const shown = examples.map(({ question, solution }) => `Question: ${question}\n${solution}\n\n`).join('');
  const places: Readonly<Record<string, string>> = { system: systemMessage, examples: shown };
  // In one pass, lest a question with braces be filled in itself.
  return (question) => ({
    text: template.replace(/\{(system|examples|question)\}/g, (_, place: string) => places[place] ?? question),
    addSpecialTokens: true,
  });
}
