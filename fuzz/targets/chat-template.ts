// A chat template, which is a program in a small language.

import { chatmlTemplate, ChatTemplateError, renderChat, renderWithAnswers } from '../../src/lm/index.ts';
import type { Target } from '../target.ts';

const TEMPLATES = [
  chatmlTemplate,
  "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content | trim }}{% endfor %}{% if add_generation_prompt %}>{% endif %}",
  "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m['role'] == 'assistant' %}{% set ns.found = true %}{% generation %}{{ m['content'] }}{% endgeneration %}{% endif %}{% endfor %}{{ ns.found }}",
  "{% macro say(x, n=2) %}{{ x ~ n if x is string else x }}{% endmacro %}{{ say('a') }}{{ messages | map(attribute='content') | join(', ') | upper }}",
  "{{ raise_exception('no') if messages | length > 9 }}{{ messages[-1].content[::-1] }}{{ messages | tojson }}",
];
const MESSAGES = [
  { role: 'user', content: 'Hello' },
  { role: 'assistant', content: 'Hi there' },
];

const target: Target = {
  words: [
    '{% for x in range(9999999) %}',
    '{% endfor %}',
    "{{ 'a' * 999999999 }}",
    '{% set x = x + x %}',
    '{{ messages.__proto__ }}',
    '{{ constructor }}',
    '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
    '| tojson',
    '| join',
    '{{ "".constructor }}',
    '{% generation %}',
    '{%- ',
    ' -%}',
    '{#',
    '| replace("", "aaaa")',
  ], // prettier-ignore
  refusals: [ChatTemplateError],
  wrapsLibrary: true,
  seeds: () => TEMPLATES.map((template) => new TextEncoder().encode(template)),
  read(bytes) {
    const template = new TextDecoder().decode(bytes);
    const text = renderChat(template, MESSAGES, { addGenerationPrompt: true });
    try {
      renderWithAnswers(template, MESSAGES);
    } catch (error) {
      // Which parts an answer is can not be told of every template that renders.
      if (!(error instanceof ChatTemplateError)) throw error;
    }
    return text;
  },
};
export default target;
