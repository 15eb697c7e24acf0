// The last load test, as it was written to be shown.

import { ask } from "./ask.js";
import { by, el, mark, say } from "./dom.js";
import { NONE, plural, time } from "./numbers.js";
import { table } from "./table.js";

export async function showLoadTest() {
  const line = by("load-test-said");
  try {
    const { body } = await ask("load_test.json");
    say(line, conditions(body));
    by("load-test-found").replaceChildren(...parts(body));
  } catch (problem) {
    say(line, sentence(problem.message), problem.status !== 404);
  }
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

function conditions({ run, conditions: { cpu, cores, system, commit, same_machine } }) {
  const where = [cpu, cores && plural(cores, "core"), system, commit && `commit ${commit}`].filter(Boolean).join(", ");
  return `${time(run.started)}, ${plural(run.rounds, "round")} of ${run.seconds} s${run.quick ? ", a quick run" : ""}, `
    + `${same_machine ? "generator and service on one machine" : "generator on a machine of its own"}: ${where}.`;
}

function parts({ run, warnings, cautions, conclusion, control, tables }) {
  const trust = warnings.length
    ? [mark("bad", "not fit to compare variants by"), el("ul", {}, warnings.map((warning) => el("li", {}, warning)))]
    : mark("good", "nothing speaks against comparing variants by this run");
  return [
    el("div", { class: "verdict" }, trust),
    el("p", {}, conclusion),
    el("p", { class: "quiet" }, control),
    cautions.length && el("details", {},
      el("summary", {}, plural(cautions.length, "caution")), el("ul", {}, cautions.map((caution) => el("li", {}, caution)))),
    ...tables.map(({ title, heads, rows }) => el("div", {}, el("h3", {}, title), table(
      `${title} (run ${run.id ?? NONE})`,
      heads.map((text, place) => ({ text, number: place > 0 })),
      rows.map((cells) => ({ cells })),
      { stacks: false, titled: true },
    ))),
  ].filter(Boolean);
}
