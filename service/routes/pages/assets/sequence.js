// One arm's drop behind the control over the labels: the estimate, its band, and the lines that a verdict is about.

import { svg } from "./dom.js";
import { count, decimal } from "./numbers.js";
import { axes } from "./pareto.js";
import { linear } from "./scale.js";

const HEIGHT = 230;
const FIRST = 0.15; // of the points, whose band is too wide to set the scale by

// Without labels there is no estimate: what differs is the most that a drop can be.
export function sequence(points, { title, counted, margin, width, bound = false }) {
  const box = { left: 52, right: width - 58, top: 10, bottom: HEIGHT - 42 };
  const later = points.slice(Math.floor(points.length * FIRST));
  const values = [0, margin ?? 0, ...later.flatMap(({ low, high, drop }) => [low, high, drop])].filter(Number.isFinite);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || 1) * 0.06;
  const x = linear([0, Math.max(1, points.at(-1).n)], [box.left, box.right], width < 420 ? 3 : 4);
  const y = linear([low - room, high + room], [box.bottom, box.top], 5);
  const within = (value) => Math.max(box.top, Math.min(box.bottom, y.at(value))); // early bands leave the picture
  const line = (pick, all = points) => all.map((point) => `${x.at(point.n).toFixed(1)} ${within(pick(point)).toFixed(1)}`).join("L");
  const last = points.at(-1);
  const found = bound ? `at most ${decimal(last.high)} points` : `${decimal(last.drop)} points, between ${decimal(last.low)} and ${decimal(last.high)}`;
  const said = `${title}: a drop of ${found}, after ${count(last.n)} ${counted}`
    + `${margin === undefined || margin === null ? "." : `; the margin is ${margin}.`} The table of evidence holds the figures.`;
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": said },
    axes({ ...x, written: (tick) => count(tick) }, y, box, counted, "drop, points"),
    svg("path", { class: "band", d: `M${line((point) => point.high)}L${line((point) => point.low, [...points].reverse())}Z` }),
    bound ? null : svg("path", { class: "estimate", d: `M${line((point) => point.drop)}` }),
    level(0, "no drop", "zero", y, box),
    margin ? level(margin, "margin", "limit", y, box) : null);
}

function level(value, word, kind, y, box) {
  return svg("g", {},
    svg("path", { class: kind, d: `M${box.left} ${y.at(value)}H${box.right}` }),
    svg("text", { class: "tick", x: box.right + 5, y: y.at(value) + 4 }, word));
}
