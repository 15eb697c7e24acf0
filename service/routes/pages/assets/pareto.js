// Accuracy against what a text costs, with the variants that no other one beats in both.

import { svg } from "./dom.js";
import { percent } from "./numbers.js";
import { linear, logarithmic } from "./scale.js";

const LETTER = 7.2; // about, of a name's letters in pixels
const LINE = 16;

// The names of the points that no other is as good as in both and better than in one.
export function front(points) {
  const beats = (one, other) => one.value >= other.value && one.cost <= other.cost
    && (one.value > other.value || one.cost < other.cost);
  return new Set(points.filter((point) => !points.some((other) => beats(other, point))).map((point) => point.name));
}

export function pareto(points, best, speed, width) {
  const height = Math.max(260, Math.min(380, width * 0.45));
  const box = { left: 52, right: width - 12, top: 12, bottom: height - 42 };
  const costs = points.map((point) => point.cost);
  const [low, high] = [Math.min(...points.map((point) => point.low)), Math.max(...points.map((point) => point.high))];
  const margin = Math.max(0.005, (high - low) * 0.08);
  const x = logarithmic([Math.min(...costs) / 1.25, Math.max(...costs) * 1.35], [box.left, box.right], width < 500 ? 3 : 5);
  const y = linear([100 * (low - margin), 100 * Math.min(1 + margin, high + margin)], [box.bottom, box.top]);
  const placed = points.map((point) => ({ ...point, x: x.at(point.cost), y: y.at(100 * point.value) }));
  const onFront = placed.filter((point) => best.has(point.name)).sort((one, other) => one.x - other.x);
  const said = `Accuracy against ${speed.name}. On the Pareto front: ${onFront.map((point) =>
    `${point.name} with ${percent(point.value)} at ${speed.written(point.cost)}`).join(", ")}. The table of cards holds all figures.`;
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": said },
    axes(x, y, box, `${speed.name} (log scale)`, "accuracy %"),
    placed.map((point) => svg("path", { class: "whisker", d: `M${point.x} ${y.at(100 * point.low)}V${y.at(100 * point.high)}` })),
    svg("path", { class: "front", d: steps(onFront) }),
    names(placed, onFront, box).map(({ point, place }) => [
      place.far && svg("path", { class: "leader", d: `M${point.x} ${point.y}L${place.left + place.width / 2} ${place.top + LINE / 2}` }),
      svg("text", {
        class: best.has(point.name) ? "name on" : "name", x: place.x, y: place.top + 12, "text-anchor": place.anchor,
      }, point.name),
    ]).flat(),
    placed.map((point) => svg("circle", { class: best.has(point.name) ? "point on" : "point", cx: point.x, cy: point.y, r: 5 })));
}

// Grid, ticks and titles of a chart's axes.
export function axes(x, y, box, xTitle, yTitle) {
  return [
    y.ticks.map((tick) => [
      svg("path", { class: "grid", d: `M${box.left} ${y.at(tick)}H${box.right}` }),
      svg("text", { class: "tick", x: box.left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, y.written(tick)),
    ]),
    x.ticks.map((tick) => [
      svg("path", { class: "grid", d: `M${x.at(tick)} ${box.top}V${box.bottom}` }),
      svg("text", { class: "tick", x: x.at(tick), y: box.bottom + 17, "text-anchor": "middle" }, x.written(tick)),
    ]),
    svg("text", { class: "title", x: (box.left + box.right) / 2, y: box.bottom + 36, "text-anchor": "middle" }, xTitle),
    svg("text", {
      class: "title", x: 0, y: 0, "text-anchor": "middle", transform: `translate(12 ${(box.top + box.bottom) / 2}) rotate(-90)`,
    }, yTitle),
  ].flat(3);
}

// The best accuracy that so many milliseconds buy: level until the next better variant.
function steps(points) {
  return points.map((point, place) => (place ? `H${point.x}V${point.y}` : `M${point.x} ${point.y}`)).join("");
}

// A place for each name that covers no other name, no point and not the front, as near to its point as there is one.
function names(points, line, box) {
  const taken = points.map((point) => ({ left: point.x - 6, top: point.y - 6, width: 12, height: 12 }));
  for (const [place, point] of line.slice(1).entries()) {
    const before = line[place];
    taken.push({ left: before.x, top: before.y - 1, width: point.x - before.x, height: 2 });
    taken.push({ left: point.x - 1, top: point.y, width: 2, height: before.y - point.y });
  }
  return points.map((point) => {
    const width = point.name.length * LETTER;
    const choices = [];
    for (let far = 0; far < 8; far += 1) {
      for (const side of far ? [far, -far] : [0]) {
        const top = point.y - LINE / 2 + side * LINE;
        const place = { top, far: far > 1 };
        choices.push(
          { ...place, left: point.x + 10, anchor: "start", x: point.x + 10 },
          { ...place, left: point.x - 10 - width, anchor: "end", x: point.x - 10 });
        if (far) choices.push({ ...place, left: point.x - width / 2, anchor: "middle", x: point.x });
      }
    }
    const boxes = choices.map((choice) => ({ ...choice, width, height: LINE }));
    const inside = boxes.filter((one) => one.left >= box.left && one.left + width <= box.right
      && one.top >= box.top - 4 && one.top + LINE <= box.bottom);
    const place = inside.find((one) => !taken.some((other) => overlap(one, other))) ?? inside[0] ?? boxes[0];
    taken.push(place);
    return { point, place };
  });
}

const overlap = (one, other) => one.left < other.left + other.width && other.left < one.left + one.width
  && one.top < other.top + other.height && other.top < one.top + one.height;
