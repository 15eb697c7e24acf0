// Tables that become a card a row on a narrow screen; the roles keep them tables for a screen reader.

import { el } from "./dom.js";

// A table that a heading names already is `titled`: its caption is there for screen readers alone.
// heads: [{text, number, span}], span being what a cell takes of its card: nothing said, double or whole;
// rows: [{cells, class}] with the row's name first; a cell is a node, text, or several.
export function table(caption, heads, rows, { stacks = true, titled = false } = {}) {
  const head = el("tr", { role: "row" }, heads.map((each) =>
    el("th", { role: "columnheader", scope: "col", class: each.number ? "number" : null }, each.text)));
  const body = rows.map((row) =>
    el("tr", { role: "row", class: row.class }, row.cells.map((cell, place) => place === 0
      ? el("th", { role: "rowheader", scope: "row" }, cell)
      : el("td", {
        role: "cell",
        class: [heads[place].number ? "number" : "", heads[place].span ?? ""].join(" ").trim() || null,
        "data-head": heads[place].text,
      }, el("div", {}, cell)))));
  const made = el("table", { role: "table", class: stacks ? "stacks" : null },
    el("caption", { class: titled ? "unseen" : null }, caption),
    el("thead", { role: "rowgroup" }, head),
    el("tbody", { role: "rowgroup" }, body));
  // What scrolls must be reachable by keyboard.
  return el("div", { class: "scrolls", role: "region", "aria-label": caption, tabindex: stacks ? null : "0" }, made);
}
