// Records as examples to learn from.

import { describe, expect, test } from 'vitest';
import { type SftExample, sftExample } from '../../../src/lm/datasets/index.ts';

const read = (fields: Record<string, unknown>): SftExample =>
  sftExample({ fields, file: 'a.jsonl', position: 'line 3' });
const question = { role: 'user', content: 'Hi' };
const answer = { role: 'assistant', content: 'Yo' };

describe('kinds', () => {
  test('text', () => {
    expect(read({ text: 'x', id: 1 })).toEqual({ kind: 'text', text: 'x' });
  });

  test('prompt and completion', () => {
    const pair = { prompt: 'x', completion: '' };
    expect(read({ ...pair, text: 'other' })).toEqual({ kind: 'prompt-completion', ...pair });
  });

  test('a conversation, with fields that templates may read', () => {
    const call = { role: 'assistant', content: null, tool_calls: [{ function: { name: 'f' } }] };
    const tools = [{ type: 'function', function: { name: 'f' } }];
    expect(read({ messages: [question, call], tools })).toEqual({
      kind: 'chat',
      messages: [question, call],
      promptLength: 0,
      tools,
    });
  });

  test('prompt and completion that are messages', () => {
    expect(read({ prompt: [question], completion: [answer] })).toEqual({
      kind: 'chat',
      messages: [question, answer],
      promptLength: 1,
    });
  });
});

describe('what does not fit is named with its line', () => {
  test.each<[Record<string, unknown>, string]>([
    [
      { question: 'x', answer: 'y' },
      "a.jsonl, line 3: needs 'messages', 'prompt' and 'completion', or 'text', but its fields are: question, answer",
    ],
    [{ prompt: 'x' }, "needs 'messages'"],
    [{ prompt: 'x', completion: 3 }, 'completion should be a text, but is 3'],
    [{ prompt: 'x', completion: [answer] }, 'prompt should be a list of messages, but is "x"'],
    [{ text: ['x'] }, 'text should be a text, but is ["x"]'],
    [{ messages: 'x' }, 'messages should be a list of messages, but is "x"'],
    [{ messages: [] }, 'messages should be at least one message, but is []'],
    [{ messages: [question, 'x'] }, 'messages[1] should be an object such as'],
    [
      { messages: [{ ...question, role: 'asistant' }] },
      'messages[0].role should be one of system, developer, user, assistant, tool, but is "asistant"',
    ],
    [{ messages: [{ role: 'user', content: 3 }] }, 'messages[0].content should be a text, but is 3'],
    [{ messages: [question] }, "has no message of the role 'assistant'"],
    [{ messages: [question, answer], tools: 'f' }, 'tools should be a list of schemas of functions, but is "f"'],
  ])('%j', (fields, message) => {
    expect(() => read(fields)).toThrow(message);
  });
});
