import { testSnippets } from './snippets.ts';

testSnippets('README.md', 5);
