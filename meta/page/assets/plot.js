// Functions that all plots use. uPlot is a plain script, so it is a global.

import { clock, now } from './words.js';

const shortest = 60; // minimum length of a time axis in seconds

export const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// shade marks the times at which the health state was not ok. Each value is the worst state of the step before its time.
export function shade(u, times, worst) {
  if (!worst || times.length < 2) return;
  const step = times[1] - times[0], { left, top, width, height } = u.bbox;
  u.ctx.save();
  worst.forEach((state, i) => {
    if (!state) return;
    const a = Math.max(u.valToPos(times[i] - step, 'x', true), left), b = Math.min(u.valToPos(times[i], 'x', true), left + width);
    u.ctx.fillStyle = css(state >= 2 ? '--shade-fail' : '--shade');
    if (b > a) u.ctx.fillRect(Math.round(a), top, Math.round(b) - Math.round(a), height);
  });
  u.ctx.restore();
}

// dashes draws a limit as a dashed line.
export function dashes(u, limit) {
  const y = u.valToPos(limit, 'y', true), { left, width } = u.bbox;
  u.ctx.save();
  Object.assign(u.ctx, { strokeStyle: css('--warn'), globalAlpha: 0.7 });
  u.ctx.setLineDash([4, 4]);
  u.ctx.beginPath();
  u.ctx.moveTo(left, y);
  u.ctx.lineTo(left + width, y);
  u.ctx.stroke();
  u.ctx.restore();
}

// axis returns the style of an axis.
export const axis = () => ({ stroke: css('--dim'), grid: { stroke: css('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' });

// timeAxis returns the style of a time axis.
export const timeAxis = () => ({ ...axis(), size: 26, gap: 6, space: 60, grid: { show: false }, values: (u, times) => times.map(t => u.scales.x.max - u.scales.x.min > 600 ? clock(t).slice(0, 5) : clock(t)) });

// last returns the range of the time axis: the given number of seconds up to now, or less if the first value is newer.
export function last(seconds, times, lines) {
  const first = times.find((_, i) => lines.some(values => values[i] !== null && values[i] !== undefined));
  const from = Math.max(now() - seconds, Math.min(first ?? 0, now() - shortest));
  return [from, Math.max(now(), times.at(-1) || 0)];
}
