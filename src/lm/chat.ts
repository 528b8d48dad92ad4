// Chat templates: Jinja programs in a model's folder that turn messages into its prompt. They are interpreted, never executed:
// a template sees the messages and a few functions, and may work only so long and write only so much.
// Behaviour after transformers' utils/chat_template_utils.py.

import { Environment, Interpreter, Template } from '@huggingface/jinja';

/** One turn of a conversation. Templates may read further fields, such as `tool_calls`. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or a role that the template names. */
  readonly role: string;
  /** Its text, or a list of parts such as `{ type: 'text', text: '...' }`. */
  readonly content?: string | readonly Readonly<Record<string, unknown>>[] | null;
  readonly [field: string]: unknown;
}

/** What a template is told besides the messages. */
export interface ChatOptions {
  /** Ends with the header of an answer, for the model to write it. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** Leaves the last message open, for the model to go on with it. Default false. */
  readonly continueFinalMessage?: boolean;
  /** JSON schemas of functions that the model may call. */
  readonly tools?: readonly Readonly<Record<string, unknown>>[];
  /** Texts that the model may draw from. */
  readonly documents?: readonly Readonly<Record<string, unknown>>[];
  /** Further variables of the template, such as `{ enable_thinking: false }`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** A half-open range of UTF-16 positions. */
export type Span = readonly [start: number, end: number];

/** A template or conversation that does not work; the message says what to do. */
export class ChatTemplateError extends Error {
  override readonly name = 'ChatTemplateError';
}

/**
 * The widespread ChatML form (`<|im_start|>role ... <|im_end|>`), for a model that has no template of its own. The two markers
 * should be special tokens of the tokenizer.
 */
export const chatmlTemplate = `{% for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}
{%- else %}{{ message['content'] + '<|im_end|>' }}{% endif %}
{{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

const COMMON_ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function', 'ipython'];

/** Published templates have up to 20 thousand characters. */
const LONGEST_TEMPLATE = 200_000;
/** The engine's search for tags takes the square of a run of blanks. */
const LONGEST_BLANK = 2000;
/** Numbers of a range, items of a list and characters of a text that a template may make. */
const LONGEST_RANGE = 10_000;
const LONGEST_LIST = 100_000;
const LONGEST_TEXT = 64 * 2 ** 20;
/** Nodes evaluated for one conversation; a long one takes tens of thousands. */
const MOST_STEPS = 500_000;
const LONGEST_MILLISECONDS = 10_000;

/** Stand for the bounds of a generation block. Unicode promises to never give these two a meaning. */
const OPEN = '\uFDD0';
const CLOSE = '\uFDD1';
const CONTINUE_TAG = 'CONTINUE_FINAL_MESSAGE_TAG ';
const GENERATION = /\{%(-?)\s*(end)?generation\s*(-?)%\}/g;

/**
 * A conversation as the model's prompt; equal to `apply_chat_template(..., tokenize=False)` in transformers.
 *
 * @throws ChatTemplateError if the template is broken, refuses the messages, or works too long, or if a message has no role or
 * one that neither is common nor is named in the template.
 */
export function renderChat(template: string, messages: readonly ChatMessage[], options: ChatOptions = {}): string {
  checkMessages(template, messages, options);
  const chat = messages.map(withoutNull);
  if (options.continueFinalMessage !== true) return render(template, chat, options);
  const [tagged, continued] = withTag(chat);
  const text = render(template, tagged, options);
  const at = text.lastIndexOf(CONTINUE_TAG.trim());
  if (at < 0 || !text.includes(continued.trim())) {
    throw new ChatTemplateError(
      `The last message does not appear in the rendered conversation, so it cannot be continued: the template drops or changes it: ${excerpt(continued)}`,
    );
  }
  return text.startsWith(CONTINUE_TAG, at) ? text.slice(0, at) : text.slice(0, at).trimEnd();
}

/**
 * A conversation as text, and which parts of it the assistant wrote, in order. Templates may mark them with
 * `{% generation %}`. Where one does not, an answer is what the conversation up to it has more than the conversation before it
 * with a generation prompt; of that, what follows the end token is left out.
 *
 * @throws ChatTemplateError as {@link renderChat}; also if the template neither marks answers nor keeps the beginning of a
 * conversation as it was when messages follow.
 */
export function renderWithAnswers(
  template: string,
  messages: readonly ChatMessage[],
  options: ChatOptions & {
    /** What ends answers, if the template ends them so. */
    readonly eosToken?: string;
  } = {},
): { text: string; answers: Span[] } {
  if (options.continueFinalMessage === true) {
    throw new ChatTemplateError(
      'A message to be continued has no answer to learn from: leave out continueFinalMessage',
    );
  }
  const text = renderChat(template, messages, options);
  return {
    text,
    answers: marksAnswers(template)
      ? marked(template, messages, options, text)
      : between(template, messages, options, text),
  };
}

/** Whether a template tells which of its text the assistant writes. */
function marksAnswers(template: string): boolean {
  return template.search(GENERATION) >= 0;
}

function marked(template: string, messages: readonly ChatMessage[], options: ChatOptions, text: string): Span[] {
  const spans: Span[] = [];
  let plain = '';
  let start: number | undefined;
  for (const piece of render(template, messages.map(withoutNull), options, true).split(/([\uFDD0\uFDD1])/)) {
    if (piece === OPEN) start = plain.length;
    else if (piece === CLOSE) {
      if (start !== undefined && start < plain.length) spans.push([start, plain.length]);
      start = undefined;
    } else plain += piece;
  }
  if (plain !== text) {
    throw new ChatTemplateError(
      'The answers cannot be told: the template changes the text of its generation blocks afterwards',
    );
  }
  return spans;
}

function between(
  template: string,
  messages: readonly ChatMessage[],
  options: ChatOptions & { readonly eosToken?: string },
  text: string,
): Span[] {
  const spans: Span[] = [];
  messages.forEach((message, i) => {
    if (message.role !== 'assistant') return;
    const prompt = i === 0 ? '' : renderChat(template, messages.slice(0, i), { ...options, addGenerationPrompt: true });
    const answered = renderChat(template, messages.slice(0, i + 1), { ...options, addGenerationPrompt: false });
    if (!answered.startsWith(prompt) || !text.startsWith(answered)) {
      throw new ChatTemplateError(
        `Which tokens message ${i + 1} wrote cannot be told: the template renders earlier messages differently once others follow. Mark the assistant's text in it: {% generation %} ... {% endgeneration %}`,
      );
    }
    const eos = options.eosToken === undefined ? -1 : answered.lastIndexOf(options.eosToken);
    const end = eos + (options.eosToken?.length ?? 0);
    const blankAfter = eos >= prompt.length && answered.slice(end).trim() === '';
    spans.push([prompt.length, blankAfter ? end : answered.length]);
  });
  return spans.filter(([start, end]) => start < end);
}

function checkMessages(template: string, messages: readonly ChatMessage[], options: ChatOptions): void {
  if (messages.length === 0) throw new ChatTemplateError('A conversation needs at least one message');
  if (options.continueFinalMessage === true && options.addGenerationPrompt === true) {
    throw new ChatTemplateError(
      'continueFinalMessage goes on with the last message and addGenerationPrompt begins a new one: choose one of them',
    );
  }
  messages.forEach((message, i) => {
    const role: unknown = message?.role;
    if (typeof role !== 'string' || role === '') {
      throw new ChatTemplateError(
        `messages[${i}] has no role: expected { role: 'user', content: '...' }, found ${excerpt(message)}`,
      );
    }
    if (!COMMON_ROLES.includes(role) && !template.includes(role)) {
      throw new ChatTemplateError(
        `messages[${i}] has the role '${role}', which this template does not know; usual are ${COMMON_ROLES.slice(0, 5).join(', ')}`,
      );
    }
  });
}

/** Fields of null count as missing, and reasoning goes by the name that templates read, as in transformers. */
function withoutNull(message: ChatMessage): Record<string, unknown> {
  const fields = Object.fromEntries(
    Object.entries(message).filter(([, value]) => value !== null && value !== undefined),
  );
  const reasoning = fields['reasoning_content'] ?? fields['thinking'] ?? fields['reasoning'];
  return reasoning === undefined ? fields : { thinking: reasoning, ...fields, reasoning_content: reasoning };
}

/** The messages with a tag after the last one's text, and that text. */
function withTag(chat: readonly Record<string, unknown>[]): [tagged: Record<string, unknown>[], continued: string] {
  const last = chat.at(-1) ?? {};
  const { content } = last;
  const before = chat.slice(0, -1);
  if (typeof content === 'string') return [[...before, { ...last, content: content + CONTINUE_TAG }], content];
  const parts: unknown[] = Array.isArray(content) ? content : [];
  const index = parts.findLastIndex((part) => typeof (part as { text?: unknown })?.text === 'string');
  const part = parts[index] as { readonly text: string } | undefined;
  if (part === undefined) throw new ChatTemplateError(`The last message has no text to go on with: ${excerpt(last)}`);
  return [[...before, { ...last, content: parts.with(index, { ...part, text: part.text + CONTINUE_TAG }) }], part.text];
}

function render(
  template: string,
  messages: readonly Record<string, unknown>[],
  options: ChatOptions,
  marking = false,
): string {
  const { tools = null, documents = null, addGenerationPrompt = false, variables = {} } = options;
  const environment = new Environment();
  const values: Record<string, unknown> = {
    ...BUILT_INS,
    ...variables,
    messages,
    tools,
    documents,
    add_generation_prompt: addGenerationPrompt,
  };
  try {
    for (const [name, value] of Object.entries(values)) environment.set(name, value);
    const { value } = new LimitedInterpreter(environment).run(parsed(withoutGeneration(template, marking)));
    if (typeof value !== 'string') throw new ChatTemplateError('The chat template gives no text');
    return value;
  } catch (error) {
    if (error instanceof ChatTemplateError) throw error;
    throw new ChatTemplateError(`The chat template failed: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * The template in plain Jinja, with generation blocks as conditions that hold: the engine would only leave their tags out, and
 * treat the blanks around them differently from Python. Marking, the blocks write {@link OPEN} and {@link CLOSE} around them.
 */
function withoutGeneration(template: string, marking: boolean): string {
  return template.replace(GENERATION, (_tag, before: string, end: string | undefined, after: string) => {
    const plain = end === undefined ? 'if true' : 'endif';
    if (!marking) return `{%${before} ${plain} ${after}%}`;
    return end === undefined
      ? `{%${before} if true %}{{ '${OPEN}' }}{% endif %}{% if true ${after}%}`
      : `{%${before} endif %}{% if true %}{{ '${CLOSE}' }}{% endif ${after}%}`;
  });
}

const BUILT_INS: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  raise_exception: (message: unknown): never => {
    throw new ChatTemplateError(`The chat template refuses these messages: ${String(message)}`);
  },
  range: (first: number, second?: number, step = 1): number[] => {
    const [start, stop] = second === undefined ? [0, first] : [first, second];
    const length = Math.max(0, Math.ceil((stop - start) / step));
    if (!(length <= LONGEST_RANGE))
      throw new ChatTemplateError(`The chat template asks for a range of ${length} numbers`);
    return Array.from({ length }, (_, i) => start + i * step);
  },
  strftime_now: (format: string): string => strftime(new Date(), format),
};

/** As we use it; the library's type declarations lack the file endings that Node's resolution asks for. */
const JinjaInterpreter: new (
  environment: Environment,
) => {
  run(program: unknown): { readonly value: unknown };
  evaluate(node: unknown, environment: unknown): { readonly value: unknown };
  evaluateBlock(nodes: unknown, environment: unknown): { readonly value: unknown };
} = Interpreter;

/** Stops templates that work too long or grow too large. */
class LimitedInterpreter extends JinjaInterpreter {
  readonly #deadline = performance.now() + LONGEST_MILLISECONDS;
  #steps = 0;

  override evaluate(node: unknown, environment: unknown): { readonly value: unknown } {
    this.#step();
    const result = super.evaluate(node, environment);
    const { value } = result;
    const longest = typeof value === 'string' ? LONGEST_TEXT : LONGEST_LIST;
    if ((typeof value === 'string' || Array.isArray(value)) && value.length > longest) {
      throw new ChatTemplateError(`The chat template makes something of length ${value.length}, more than ${longest}`);
    }
    return result;
  }

  /** Counted too, because the body of a loop may be empty. */
  override evaluateBlock(nodes: unknown, environment: unknown): { readonly value: unknown } {
    this.#step();
    return super.evaluateBlock(nodes, environment);
  }

  #step(): void {
    if (++this.#steps > MOST_STEPS || performance.now() > this.#deadline) {
      const limits = `${MOST_STEPS} steps, ${LONGEST_MILLISECONDS / 1000} seconds`;
      throw new ChatTemplateError(`The chat template was stopped because it goes on and on; limits are ${limits}`);
    }
  }
}

const MOST_PARSED = 16;
const parsedTemplates = new Map<string, unknown>();

function parsed(template: string): unknown {
  const known = parsedTemplates.get(template);
  if (known !== undefined) return known;
  if (template.length > LONGEST_TEMPLATE || new RegExp(`\\s{${LONGEST_BLANK}}`).test(template)) {
    const limits = `${LONGEST_TEMPLATE} characters, and ${LONGEST_BLANK} blanks in a row`;
    throw new ChatTemplateError(`The chat template is too long: ${template.length} characters; limits are ${limits}`);
  }
  const program: unknown = new Template(template).parsed;
  const [oldest] = parsedTemplates.keys();
  if (parsedTemplates.size >= MOST_PARSED && oldest !== undefined) parsedTemplates.delete(oldest);
  parsedTemplates.set(template, program);
  return program;
}

/** Python's strftime in the C locale, for the fields that templates use. */
function strftime(date: Date, format: string): string {
  const name = (options: Intl.DateTimeFormatOptions): string => date.toLocaleDateString('en-US', options);
  const two = (value: number): string => String(value).padStart(2, '0');
  const fields: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    B: () => name({ month: 'long' }),
    b: () => name({ month: 'short' }),
    A: () => name({ weekday: 'long' }),
    a: () => name({ weekday: 'short' }),
    H: () => two(date.getHours()),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    '%': () => '%',
  };
  return format.replace(/%([A-Za-z%])/g, (token, field: string) => fields[field]?.() ?? token);
}

function excerpt(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
