// Whether every link of the site leads somewhere, as a browser that opens it from disk would look for it.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const site = resolve(process.argv[2] ?? '../../docs/site');
const pages = readdirSync(site, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.html'))
  .map((name) => join(site, name));
const text = new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]));
const anchors = new Map(
  [...text].map(([page, html]) => [page, new Set([...html.matchAll(/ (?:id|name)="([^"]+)"/g)].map(([, id]) => id))]),
);

/** Guides and pages, and the README, which is the site's first page. */
const written = (page) => /^(?:documents\b|index\.html$)/.test(relative(site, page));

const broken = new Set();
let links = 0;
for (const [page, html] of text) {
  for (const [, address] of html.matchAll(/ (?:href|src)="([^"]+)"/g)) {
    if (/^(?:[a-z]+:|\/\/)/.test(address)) continue;
    links++;
    const [path, anchor] = decodeURI(address.replaceAll('&amp;', '&')).split('#');
    const target = path === '' ? page : resolve(dirname(page), path);
    // Places within a page are checked where people wrote the link: of types that are not exported, typedoc misses some.
    const places = written(page) ? anchors.get(target) : undefined;
    const there = existsSync(target) && (!anchor || places === undefined || places.has(anchor));
    if (!there) broken.add(`${relative(site, page)}: ${address}`);
  }
}
for (const link of broken) console.error(`a link that leads nowhere: ${link}`);
console.log(`${pages.length} pages, ${links} links, ${broken.size} broken`);
process.exitCode = broken.size > 0 || pages.length === 0 ? 1 : 0;
