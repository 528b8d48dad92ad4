// What supervised fine-tuning learns from, in the forms that Hugging Face's TRL knows.
// https://huggingface.co/docs/trl/dataset_formats

import * as z from 'zod';
import type { ChatMessage } from '../chat.ts';
import { type DataRecord, recordError } from './record.ts';

/** An example to learn from. */
export type SftExample =
  /** Plain text: every token is learnt. */
  | { readonly kind: 'text'; readonly text: string }
  /** The completion is learnt. */
  | { readonly kind: 'prompt-completion'; readonly prompt: string; readonly completion: string }
  /**
   * A conversation: what the assistant says is learnt, but for the first `promptLength` messages. `tools` are schemas of
   * functions that it may call.
   */
  | {
      readonly kind: 'chat';
      readonly messages: readonly ChatMessage[];
      readonly promptLength: number;
      readonly tools?: readonly Tool[];
    };

/** The schema of a function. */
type Tool = Readonly<Record<string, unknown>>;

const roles = ['system', 'developer', 'user', 'assistant', 'tool'] as const;
const messageSchema = z.looseObject(
  {
    role: z.enum(roles, { error: `one of ${roles.join(', ')}` }),
    content: z
      .union([z.string(), z.array(z.looseObject({ type: z.string() })), z.null()], { error: 'a text' })
      .optional(),
  },
  { error: "an object such as { role: 'user', content: '...' }" },
);
const messagesSchema = z
  .array(messageSchema, { error: 'a list of messages' })
  .min(1, { error: 'at least one message' });
const textSchema = z.string({ error: 'a text' });
const toolsSchema = z.array(z.looseObject({}, { error: 'a schema' }), { error: 'a list of schemas of functions' });

/**
 * A record as an example, by its fields: `messages`; `prompt` and `completion`, both text or both messages; or `text`.
 *
 * @throws DatasetError with file, line, the field at fault and what is expected of it.
 */
export function sftExample(record: DataRecord): SftExample {
  const { fields } = record;
  if (isThere(fields['messages'])) {
    return chat(record, [], check(record, 'messages', messagesSchema));
  }
  if (isThere(fields['prompt']) && isThere(fields['completion'])) {
    if (!Array.isArray(fields['prompt']) && !Array.isArray(fields['completion'])) {
      const prompt = check(record, 'prompt', textSchema);
      return { kind: 'prompt-completion', prompt, completion: check(record, 'completion', textSchema) };
    }
    return chat(record, check(record, 'prompt', messagesSchema), check(record, 'completion', messagesSchema));
  }
  if (isThere(fields['text'])) return { kind: 'text', text: check(record, 'text', textSchema) };
  const names = Object.keys(fields).join(', ') || 'none';
  throw recordError(
    record,
    `needs 'messages', 'prompt' and 'completion', or 'text', but its fields are: ${names}. Rename them when reading, such as { fields: { prompt: 'question', completion: 'answer' } }`,
  );
}

type Messages = readonly z.infer<typeof messageSchema>[];

function chat(record: DataRecord, prompt: Messages, answered: Messages): SftExample {
  if (!answered.some(({ role }) => role === 'assistant')) {
    throw recordError(record, "has no message of the role 'assistant', so there is nothing to learn");
  }
  const tools = isThere(record.fields['tools']) ? check(record, 'tools', toolsSchema) : undefined;
  const messages = [...prompt, ...answered] as ChatMessage[];
  return { kind: 'chat', messages, promptLength: prompt.length, ...(tools === undefined ? {} : { tools }) };
}

/** Messages that must be there. @throws DatasetError with file, line, and the one at fault */
export function messageList(record: DataRecord, name: string, value: unknown): readonly ChatMessage[] {
  return check(record, name, messagesSchema, value) as ChatMessage[];
}

function check<T>(record: DataRecord, name: string, schema: z.ZodType<T>, value = record.fields[name]): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const path = [name, ...(issue?.path ?? [])].map((key, i) =>
    typeof key === 'number' ? `[${key}]` : i > 0 ? `.${String(key)}` : key,
  );
  let found = value;
  for (const key of issue?.path ?? []) found = (found as Record<PropertyKey, unknown> | undefined)?.[key];
  const shown = JSON.stringify(found)?.slice(0, 60) ?? 'missing';
  throw recordError(record, `${path.join('')} should be ${issue?.message}, but is ${shown}`);
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}
