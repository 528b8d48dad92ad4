// Numbers as people read them.

/** `12345` as `12,345`. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Seconds as `0:07`, `12:34` or `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A return or a length: one decimal, more for small ones, as FrozenLake's are. */
export function figure(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}

/** Values as a row of bars, lowest to highest. */
export function sparkline(values: readonly number[]): string {
  const bars = '▁▂▃▄▅▆▇█';
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const scale = high > low ? (bars.length - 1) / (high - low) : 0;
  return values.map((value) => bars[Math.round((value - low) * scale)]).join('');
}
