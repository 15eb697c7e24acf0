// Experiments: the list and one report, asked for with the admin key and again every few seconds while they are seen.

import { ask, isKey } from "./ask.js";
import { by, el, mark, say } from "./dom.js";
import { plural } from "./numbers.js";
import { report } from "./report.js";
import { table } from "./table.js";
import { DECISIONS, STATES } from "./verdicts.js";

const STORED = "bonsai-admin-key"; // in the tab's own storage, which ends with it
const EVERY_MS = 4000;
const SPANS = { State: "double", Decisions: "double" };
const FOR_A_PERSON = [401, 403, 404]; // asking again would answer the same

export function showExperiments() {
  const [form, key, forget] = [by("unlock"), by("key"), by("forget")];
  let [timer, chosen, running] = [0, null, new AbortController()];
  const seen = { list: "", report: "" };

  async function refresh() {
    clearTimeout(timer);
    running.abort();
    running = new AbortController();
    const stored = sessionStorage.getItem(STORED);
    forget.hidden = stored === null;
    if (stored === null || document.hidden) return;
    const options = { headers: { Authorization: `Bearer ${stored}` }, signal: running.signal };
    try {
      const { body: { experiments } } = await ask("experiments", options);
      if (!experiments.some(({ name }) => name === chosen)) chosen = experiments[0]?.name ?? null;
      show("list", { experiments, chosen }, () => (experiments.length ? list(experiments, chosen) : []));
      const found = chosen && (await ask(`experiments/${encodeURIComponent(chosen)}`, options)).body;
      const { at, ...told } = found ?? {}; // the time of asking, which is no change
      show("report", told, () => (found ? report(found) : []));
      say(by("experiments-said"), experiments.length
        ? `${plural(experiments.length, "experiment")}. ${chosen} is ${found.state}.`
        : "There is no experiment; POST /experiments makes one.");
    } catch (problem) {
      if (problem.name === "AbortError") return;
      say(by("experiments-said"), problem.message, true);
      if (FOR_A_PERSON.includes(problem.status)) {
        clear();
        return;
      }
    }
    timer = setTimeout(refresh, EVERY_MS);
  }

  // Drawn anew only when something changed, and without taking the keyboard's place away.
  function show(part, content, draw) {
    const text = JSON.stringify(content);
    if (seen[part] === text) return;
    seen[part] = text;
    const place = document.activeElement?.id;
    const open = [...by(part).querySelectorAll("details[open]")].map(({ id }) => id);
    by(part).replaceChildren(...[draw()].flat());
    for (const id of open) by(id)?.setAttribute("open", "");
    if (place && document.activeElement?.id !== place) by(place)?.focus({ preventScroll: true });
  }

  function clear() {
    for (const part of ["list", "report"]) {
      seen[part] = "";
      by(part).replaceChildren();
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = key.value.trim();
    if (!isKey(given)) {
      say(by("experiments-said"), `${given ? "The key holds what no key has, perhaps unseen" : "No key is given"}; expected the service's BONSAI_ADMIN_KEY.`, true);
      key.focus();
      return;
    }
    sessionStorage.setItem(STORED, given);
    key.value = "";
    say(by("experiments-said"), "Asking …");
    refresh();
  });
  forget.addEventListener("click", () => {
    sessionStorage.removeItem(STORED);
    clear();
    say(by("experiments-said"), "The key is forgotten.");
    refresh();
    key.focus();
  });
  by("list").addEventListener("click", (event) => {
    const name = event.target.closest("button")?.dataset.name;
    if (!name) return;
    chosen = name;
    refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  refresh();
}

function list(experiments, chosen) {
  const isDecided = experiments.some(({ decisions }) => decisions);
  const heads = ["Experiment", "State", "Mode", "Control", "Arms", ...(isDecided ? ["Decisions"] : [])].map((text) => ({ text, span: SPANS[text] }));
  return table("All experiments", heads, experiments.map(({ name, state, reason, left_alone: left, mode, control, arms, decisions }) => ({
    class: name === chosen ? "chosen" : null,
    cells: [
      el("button", { type: "button", class: "link", id: `choose-${name}`, "data-name": name, "aria-pressed": String(name === chosen) }, name),
      [mark(STATES[state] ?? "open", state), ...[reason, left].filter(Boolean).map((why) => el("span", { class: "below" }, why))],
      mode,
      control,
      arms.map((arm) => arm.variant ?? arm).join(", "),
      isDecided && el("ul", { class: "plain" }, Object.entries(decisions ?? {}).map(([arm, decision]) =>
        el("li", {}, `${arm}: `, mark(...(DECISIONS[decision] ?? ["open", decision]))))),
    ].filter((cell) => cell !== false),
  })));
}
