// Makes elements. Text is never parsed as HTML.

export const $ = id => document.getElementById(id);

// h makes an element. A property that begins with "on" is an event listener.
export function h(tag, properties, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) e.setAttribute(name, value);
  }
  e.append(...children.filter(there));
  return e;
}

const there = child => child !== null && child !== undefined && child !== '';

// fill replaces the children of an element. It does not replace equal children, because a user may be
// selecting their text, and a screen reader may be reading it. It keeps the focus on the same button or link.
export function fill(id, ...children) {
  const place = $(id), fresh = document.createDocumentFragment();
  fresh.append(...children.filter(there));
  const made = [...fresh.childNodes];
  const focused = place.contains(document.activeElement) ? document.activeElement.textContent : '';
  made.forEach((node, i) => {
    const old = place.childNodes[i];
    if (!old) place.append(node);
    else if (!old.isEqualNode(node)) old.replaceWith(node);
  });
  while (place.childNodes.length > made.length) place.lastChild.remove();
  if (focused && !place.contains(document.activeElement)) {
    [...place.querySelectorAll('button, a')].find(e => e.textContent === focused)?.focus();
  }
}

export function say(id, text) {
  const e = $(id);
  if (e.textContent !== text) e.textContent = text;
}

// choose fills a group with buttons. One of the buttons is pressed.
export function choose(id, options, chosen, changed) {
  const buttons = options.map(([value, text]) => h('button', {
    type: 'button', 'aria-pressed': String(value === chosen), onclick: e => {
      for (const b of buttons) b.setAttribute('aria-pressed', String(b === e.currentTarget));
      changed(value);
    },
  }, text));
  $(id).replaceChildren(...buttons);
}

// link is a button that looks like text.
export const link = (text, onclick, more = {}) => h('button', { type: 'button', class: 'link', onclick, ...more }, text);

// watching runs work that watches the traffic for some seconds. While the work runs, the button is disabled,
// and the note counts down. At the end the note shows the text that the work returned, or the error.
export async function watching(button, note, seconds, work) {
  const pressed = $(button), end = Date.now() + seconds * 1000;
  if (pressed.getAttribute('aria-disabled')) return;
  pressed.setAttribute('aria-disabled', 'true');
  const tick = () => say(note, 'Looking, ' + Math.max(0, Math.ceil((end - Date.now()) / 1000)) + ' s to go.');
  tick();
  const timer = setInterval(tick, 250);
  let said;
  try {
    said = await work();
  } catch (e) {
    said = e.message + '.';
  }
  clearInterval(timer);
  pressed.removeAttribute('aria-disabled');
  say(note, said);
}

// share is a bar whose length is a share of 1.
export function share(part, hot = false) {
  const i = h('i', { class: hot ? 'hot' : undefined });
  i.style.width = Math.min(100, Math.max(0.5, part * 100)) + '%';
  return h('span', { class: 'share' }, i);
}

// command shows a command. A click copies it, if the browser allows copying.
export function command(text) {
  if (!text) return '';
  if (!navigator.clipboard) return h('code', {}, text);
  return h('button', { type: 'button', class: 'copy', title: 'copy', onclick: () => navigator.clipboard.writeText(text) }, h('code', {}, text));
}
