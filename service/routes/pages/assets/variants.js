// Variants: the cards, and accuracy against speed.

import { by, drawn, el, mark, say } from "./dom.js";
import { decimal, interval, megabytes, millions, ms, NONE, percent, plural } from "./numbers.js";
import { front, pareto } from "./pareto.js";
import { table } from "./table.js";

const GATE = { passed: "good", worse: "bad", undecided: "open" };

export function showVariants(cards) {
  const speed = cards.every((card) => card.measured) && processors(cards).length === 1 // times of two are not compared
    ? { name: "ms a text", of: (card) => card.measured.mean_ms, written: ms }
    : { name: "size in MB", of: (card) => card.bytes / 1e6, written: (size) => megabytes(size * 1e6) };
  const points = cards.map((card) => ({
    name: card.name,
    cost: speed.of(card),
    ...card.accuracy,
  }));
  const best = front(points);
  say(by("variants-said"), conditions(cards));
  by("cards").replaceChildren(table("The card of each variant", heads(), cards.map((card) => row(card, best, processors(cards).length > 1))));
  const picture = drawn(el("div", {}), (width) => pareto(points, best, speed, width));
  by("pareto").replaceChildren(el("figure", {},
    el("figcaption", {},
      el("h3", {}, `Accuracy against ${speed.name}`),
      el("p", { class: "quiet" },
        "Up and to the left is better. ", el("span", { class: "key on" }), " on the Pareto front: no other variant is both as good and as cheap. ",
        el("span", { class: "key" }), " behind it. Lines are 95 % intervals of the accuracy.")),
    picture));
}

function heads() {
  return [
    { text: "Variant" },
    { text: "Accuracy", number: true },
    { text: "Macro-F1", number: true },
    { text: "Gate" },
    { text: "ms a text", number: true },
    { text: "Size MB", number: true },
    { text: "Parameters", number: true },
    { text: "Passes" },
    { text: "Check at start" },
  ];
}

// The processors that variants were measured on; one may have come later, made on this machine.
const processors = (cards) => [...new Set(cards.filter(({ measured }) => measured).map(({ measured }) => measured.cpu))];

function row(card, best, several) {
  const { texts, differing } = card.startup_check;
  return {
    cells: [
      [card.name, el("span", { class: "below" }, el("code", {}, card.version))],
      figure(percent(card.accuracy.value), interval(card.accuracy.low, card.accuracy.high, 1, 100)),
      figure(percent(card.macro_f1.value), interval(card.macro_f1.low, card.macro_f1.high, 1, 100)),
      gate(card),
      card.measured
        ? figure(ms(card.measured.mean_ms), `p99 ${ms(card.measured.p99_ms)}${several ? `, on ${card.measured.cpu || "an unnamed processor"}` : ""}${best.has(card.name) ? ", on the front" : ""}`)
        : figure(NONE, best.has(card.name) ? "on the front" : ""),
      megabytes(card.bytes),
      millions(card.parameters.all),
      passes(card),
      texts ? (differing ? mark("bad", `${differing} of ${texts} differ`) : mark("good", `${texts} as built`)) : mark("off", "not checked"),
    ],
  };
}

const figure = (value, below) => [value, below && el("span", { class: "below" }, below)];

function gate(card) {
  if (!card.gate) return mark("off", card.kind === "teacher" ? "the reference" : "not judged");
  const { verdict, drop, low, high, withheld } = card.gate;
  return [
    mark(GATE[verdict] ?? "open", verdict),
    el("span", { class: "below" }, withheld ?? `drop ${decimal(100 * drop)} ${interval(low, high, 2, 100)} points`),
  ];
}

function passes(card) {
  if (card.cascade) {
    const { small, large, escalated } = card.cascade;
    return [`${small} → ${large}`, el("span", { class: "below" }, `${percent(escalated)} escalated`)];
  }
  const names = card.passes.map((pass) => Object.keys(pass)[0]);
  return names.length ? names.join(" → ") : NONE;
}

function conditions(cards) {
  const { dataset, measured } = cards[0];
  const said = [`Scored on ${plural(dataset.rows?.test ?? 0, "test text")}, each alone.`];
  if (processors(cards).length > 1) {
    said.push("Times are of one text on one thread, of the processors that the table names, and not compared.");
  } else if (measured) {
    said.push(`Times are of one text on one thread of ${measured.cpu || "an unnamed processor"}`
      + `${measured.here ? ", as this machine has" : ", another than this machine has"}.`);
  } else {
    said.push("No times came with these variants.");
  }
  return said.join(" ");
}
