// Builds the dashboard's page into dist/, beside the server that sends it.

import { fileURLToPath } from 'node:url';
import { buildPage } from '../src/dashboard/build-page.ts';

await buildPage(fileURLToPath(new URL('../dist/dashboard/page', import.meta.url)));
