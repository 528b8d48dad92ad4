// The example of docs/text-environments.md: summarise an article in few words that name what matters.

import { TextEnv, type TextEpisode, type TextPrompt, type TextTokenizer } from '../../../src/env/text/index.ts';

interface Article {
  readonly text: string;
  readonly keyTerms: readonly string[];
}

export const ARTICLES: readonly Article[] = [
  { text: 'A new kind of fish was found in the deep sea.', keyTerms: ['fish', 'deep sea', 'found'] },
  { text: 'Prices are expected to rise more slowly next year.', keyTerms: ['prices', 'slowly', 'year'] },
];

export class SummarizationEnv extends TextEnv<Article> {
  constructor({ tokenizer }: { readonly tokenizer: TextTokenizer }) {
    super({ tokenizer, maxGeneration: 100 });
  }

  protected prompt(options: Readonly<Record<string, unknown>>): TextPrompt<Article> {
    const article = ARTICLES[this.exampleIndex(ARTICLES.length, options)]!;
    return { prompt: `Article: ${article.text}\n\nSummary:`, context: article, info: { article: article.text } };
  }

  protected reward(summary: string, { context }: TextEpisode<Article>): number {
    const words = summary.split(/\s+/).filter((word) => word !== '').length;
    const brevity = words >= 3 ? Math.max(0, 1 - words / 20) : 0;
    const named = context.keyTerms.filter((term) => summary.toLowerCase().includes(term)).length;
    return brevity + 0.2 * named;
  }
}
