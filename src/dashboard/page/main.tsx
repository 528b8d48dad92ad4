import { render } from 'preact';
import { App } from './app.tsx';

// The token came in the address, and is a cookie by now: it need not stay in the history.
if (location.search !== '') history.replaceState(null, '', `${location.pathname}${location.hash}`);

render(<App />, document.getElementById('app')!);
