// The page of `gymformer play`, `gymformer watch` and of the render mode `human`: it draws what the server tells, and tells the server
// which keys are held. Text from the server is only ever shown as text.

import { drawingOf } from './rendering/drawings.js';

const canvas = document.querySelector('#picture');
const context = canvas.getContext('2d');
const text = (id, value) => {
  document.querySelector(`#${id}`).textContent = value;
};

/** What the server said of itself; null before it has. */
let about = null;

function setSize({ width, height }) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

function draw({ state, picture }) {
  if (picture !== undefined) {
    const image = new Image();
    image.onload = () => {
      setSize(image);
      context.drawImage(image, 0, 0);
    };
    image.src = picture;
    return;
  }
  const drawing = drawingOf(about.envId);
  if (!drawing?.accepts(state)) return text('status', `${about.envId} sent a state that cannot be drawn.`);
  setSize(drawing.size(state));
  drawing.draw(context, state);
}

const number = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(2));

const events = new EventSource('events');
events.addEventListener('about', (event) => {
  about = JSON.parse(event.data);
  document.title = about.title;
  text('title', about.title);
  text('status', about.help);
  showControls(about.controls);
});
events.addEventListener('frame', (event) => {
  const frame = JSON.parse(event.data);
  draw(frame);
  for (const id of ['episode', 'length', 'return']) text(id, frame[id] === undefined ? '–' : number(frame[id]));
  if (frame.lastReturn !== undefined) text('last-return', number(frame.lastReturn));
  if (frame.status !== undefined) text('status', frame.status);
  // For whoever looks on from outside, such as a test.
  document.body.dataset.frames = String(Number(document.body.dataset.frames ?? 0) + 1);
});
events.addEventListener('end', () => {
  events.close();
  text('status', 'It has ended.');
});
events.onerror = () => text('status', 'The program that showed this has ended, or cannot be reached.');

const held = new Set();

function tell(message) {
  void fetch('input', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(message),
  }).catch(() => undefined);
}

function press(key, isDown) {
  if (isDown === held.has(key)) return;
  if (isDown) held.add(key);
  else held.delete(key);
  tell({ keys: [...held], pressed: isDown ? key : null });
}

/** Buttons for all that keys do: for mice and fingers, and to say which keys there are. */
function showControls(controls) {
  const buttons = controls.map(({ key, label }) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.addEventListener('pointerdown', () => press(key, true));
    for (const end of ['pointerup', 'pointerleave', 'pointercancel']) {
      button.addEventListener(end, () => press(key, false));
    }
    return button;
  });
  document.querySelector('#controls').replaceChildren(...buttons);
}

const isControl = (key) => about?.controls.some((control) => control.key === key) ?? false;
document.addEventListener('keydown', (event) => {
  if (!isControl(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (!event.repeat) press(event.key, true);
});
document.addEventListener('keyup', (event) => press(event.key, false));
// Keys that are let go elsewhere are not heard of.
addEventListener('blur', () => {
  for (const key of held) press(key, false);
});
