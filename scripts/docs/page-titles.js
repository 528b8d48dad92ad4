// A page is called as its first heading says, not as its file, and pages stand apart from the reference.

import { Converter } from 'typedoc';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, page) => {
    const text = page.content.map((part) => part.text).join('');
    const [, heading] = /^# (.+)$/m.exec(text) ?? [];
    if (heading !== undefined) page.name = heading.replaceAll('`', '');
  });
}
