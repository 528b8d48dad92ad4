// Chat templates against transformers' apply_chat_template; see recorded-tokenizers.ts.

import { describe, expect, test } from 'vitest';
import { ChatTemplateError, chatmlTemplate, renderChat, renderWithAnswers } from '../../src/lm/chat.ts';
import { Tokenizer } from '../../src/lm/tokenizer.ts';
import { trainByteLevelTokenizer } from '../../src/lm/tokenizer-training.ts';
import { folderOf, recordedChats } from './recorded-tokenizers.ts';

const { templates, cases } = recordedChats;
const question = { role: 'user', content: 'Hi' };
const answer = { role: 'assistant', content: 'Yo' };

function templateOf(name: string): { family: string; template: string } {
  const found = templates[name];
  if (found === undefined) throw new Error(`no template ${name}`);
  return found;
}

describe('rendered as in Python', () => {
  // The engine refuses to trim what is missing, where Python takes it for empty: an error, not another prompt.
  const differs = ['llama3: tools', 'llama3: unanswered tool call'];
  const rendered = cases.filter(
    ({ text, template, name }) => text !== undefined && !differs.includes(`${template}: ${name}`),
  );
  test.each(rendered.map((entry) => [`${entry.template}: ${entry.name}`, entry] as const))(
    '%s',
    async (_name, entry) => {
      const { family, template } = templateOf(entry.template);
      const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
      tokenizer.chatTemplate = template;
      expect(tokenizer.applyChatTemplate(entry.messages, { ...entry.options, tokenize: false })).toBe(entry.text);
      expect(tokenizer.applyChatTemplate(entry.messages, entry.options)).toEqual(entry.ids);
      if (entry.mask === undefined) return;
      const { ids, assistantMask } = tokenizer.encodeChat(entry.messages, entry.options);
      expect(ids).toEqual(entry.ids);
      expect([...assistantMask]).toEqual(entry.mask);
    },
  );

  const refused = cases.filter(({ error }) => error !== undefined);
  test.each(refused.map((entry) => [`${entry.template}: ${entry.name}`, entry] as const))(
    'refused as in Python: %s',
    (_name, { template, messages, options }) => {
      expect(() => renderChat(templateOf(template).template, messages, options)).toThrow(ChatTemplateError);
    },
  );
});

describe('what the assistant wrote', () => {
  test('without marks in the template is what a prompt lacks, up to the end token', async () => {
    const { family, template } = templateOf('chatml');
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    tokenizer.chatTemplate = template;
    const { ids, assistantMask } = tokenizer.encodeChat([question, answer, question, { ...answer, content: 'süß 😀' }]);
    expect(tokenizer.decode(ids.filter((_, i) => assistantMask[i] === 1))).toBe('Yo<|im_end|>süß 😀<|im_end|>');
  });

  test('with marks is the same, for the same text', () => {
    const tokenizer = trainByteLevelTokenizer('', {
      specialTokens: { eosToken: '<|im_end|>', additional: ['<|im_start|>'] },
    });
    const chat = [question, answer, question, answer];
    tokenizer.chatTemplate = chatmlTemplate;
    const marked = tokenizer.encodeChat(chat);
    tokenizer.chatTemplate = chatmlTemplate.replaceAll(/\{% (end)?generation %\}/g, '');
    expect(tokenizer.encodeChat(chat)).toEqual(marked);
    expect(marked.assistantMask.reduce((a, b) => a + b, 0)).toBe(6);
  });

  test('is found too where tokens are not just their bytes', async () => {
    const { family, template } = templateOf('zephyr');
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    tokenizer.chatTemplate = template;
    const { ids, assistantMask } = tokenizer.encodeChat([
      question,
      answer,
      question,
      { ...answer, content: 'It is süß' },
    ]);
    const said = ids.filter((_, i) => assistantMask[i] === 1);
    expect(tokenizer.decode(said)).toContain('Yo</s>');
    expect(tokenizer.decode(said)).toContain('It is süß</s>');
    expect(tokenizer.decode(said)).not.toContain('Hi');
  });

  test('cannot be told where the template changes earlier turns', () => {
    const forgetful =
      '{% for m in messages %}{{ m.role }}:{% if loop.last %}{{ m.thinking }}{% endif %}{{ m.content }}\n{% endfor %}';
    const thoughtful = { ...answer, thinking: 'Hm' };
    expect(() => renderWithAnswers(forgetful, [question, thoughtful, question])).toThrow(/message 2 .*generation/);
  });

  test('cannot be told where the template changes what it marked', () => {
    const upper =
      '{% filter upper %}{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}{% endfilter %}';
    expect(renderWithAnswers(upper, [answer])).toEqual({ text: 'YO', answers: [[0, 2]] });
    const counting =
      '{% set x %}{% generation %}{{ messages[0].content }}{% endgeneration %}{% endset %}{{ x }}{{ x | length }}';
    expect(() => renderWithAnswers(counting, [answer])).toThrow('changes the text of its generation blocks');
  });
});

describe('mistakes', () => {
  test('no template: says what to do', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf('gpt2'));
    expect(() => tokenizer.applyChatTemplate([question])).toThrow(
      /no chat template: base models have none.*chatmlTemplate/,
    );
    expect(tokenizer.applyChatTemplate([question], { chatTemplate: '{{ bos_token }}!', tokenize: false })).toBe(
      '<|endoftext|>!',
    );
  });

  test('roles', () => {
    const template = '{% for m in messages %}{{ m.role }}{% endfor %}';
    expect(() => renderChat(template, [{ ...question, role: 'asistant' }])).toThrow(
      "messages[0] has the role 'asistant'",
    );
    expect(() => renderChat(template, [{ ...question, role: '' }])).toThrow('messages[0] has no role');
    expect(() => renderChat(template, [])).toThrow('at least one message');
    expect(renderChat(`${template}{# observation #}`, [{ ...question, role: 'observation' }])).toBe('observation');
  });

  test('prompting and continuing at once', () => {
    const both = { addGenerationPrompt: true, continueFinalMessage: true };
    expect(() => renderChat('x', [question], both)).toThrow('choose one');
    expect(() => renderChat('x', [question], { continueFinalMessage: true })).toThrow('does not appear');
  });

  test('templates that are broken', () => {
    expect(() => renderChat('{% for m in messages %}', [question])).toThrow(ChatTemplateError);
    expect(() => renderChat("{{ raise_exception('no!') }}", [question])).toThrow('refuses these messages: no!');
  });
});

describe('hostile templates', () => {
  const huge = '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]';
  test.each([
    ['a huge range', '{% for i in range(1000000000) %}{% endfor %}', 'a range of 1000000000 numbers'],
    ['an endless range', '{% for i in range(0, 10, 0) %}{% endfor %}', 'a range of Infinity numbers'],
    [
      'loops in loops',
      '{% for i in range(9000) %}{% for j in range(9000) %}{% endfor %}{% endfor %}',
      'goes on and on; limits are',
    ],
    [
      'loops in loops over what is given',
      `{% set a = ${huge} %}${'{% for i in a %}'.repeat(8)}${'{% endfor %}'.repeat(8)}`,
      'goes on and on; limits are',
    ],
    [
      'text that doubles',
      "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      'something of length 134217728',
    ],
    [
      'a list that doubles',
      '{% set ns = namespace(s=[1, 2]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
      'something of length 131072',
    ],
    [
      'a macro that calls itself',
      '{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}',
      'Maximum call stack size exceeded',
    ],
    ['blanks for the tag search', `${' '.repeat(100_000)}x`, 'too long: 100001 characters'],
    ['a template that never ends', 'x'.repeat(200_001), 'too long: 200001 characters'],
    ['the constructor of a message', "{{ messages.constructor.constructor('return process')() }}", 'Cannot call'],
    ['the constructor of a built-in', "{{ range['constructor']('return 1')() }}", 'failed'],
  ])('%s', (_name, template, message) => {
    const thrown = (): unknown => {
      try {
        return renderChat(template, [question]);
      } catch (error) {
        return error;
      }
    };
    const error = thrown();
    expect(error).toBeInstanceOf(ChatTemplateError);
    expect(String(error)).toContain(message);
  });

  test('a prototype stays out of reach', () => {
    expect(renderChat('{{ messages[0].__proto__ is defined }}|{{ messages[0].toString is defined }}', [question])).toBe(
      'false|false',
    );
  });
});
