// Elements from data. Text goes in as text nodes, so no answer of the service is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const by = (id) => document.getElementById(id);
export const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
export const svg = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

// Says something in a status line; the same thing twice is said once.
export function say(line, sentence, isProblem = false) {
  line.classList.toggle("problem", isProblem);
  if (line.textContent !== sentence) line.textContent = sentence;
}

// A word with a sign before it: never by colour alone.
const SIGNS = { good: "✓", bad: "✗", open: "?", note: "!", off: "–" };
export const mark = (kind, text) =>
  el("span", { class: `mark ${kind}` }, el("span", { "aria-hidden": "true" }, SIGNS[kind]), ` ${text}`);

// Draws into a box at its own width, and again whenever that changes.
export function drawn(box, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (box.clientWidth === width || !box.clientWidth) return;
    width = box.clientWidth;
    box.replaceChildren(draw(width));
  }).observe(box);
  return box;
}
