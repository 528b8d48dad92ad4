import { testSnippets } from './snippets.ts';

testSnippets('docs/reward-models.md', 3);
