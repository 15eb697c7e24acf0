// Try: one text to every variant, one after another, so that none of them waits for another's turn on the machine.

import { ask, isKey } from "./ask.js";
import { by, el, mark, say } from "./dom.js";
import { ms, NONE, percent, plural } from "./numbers.js";
import { table } from "./table.js";

const TOP = 3;
const STORED = "bonsai-predict-key"; // in the tab's own storage, which ends with it
const WITHOUT_KEY = [401, 403];
const HEADS = [
  { text: "Variant" },
  { text: "Label", span: "double" },
  { text: "Score", number: true },
  { text: "Top scores", span: "whole" },
  { text: "Server ms", number: true },
  { text: "Round trip ms", number: true },
];

export function prepareTry(cards) {
  const [form, text, unlock, key] = [by("ask"), by("text"), by("try-unlock"), by("try-key")];
  let running = new AbortController();

  async function askAll() {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    if (!text.value.trim()) {
      say(by("asked"), "There is nothing to ask about yet: type a text first.", true);
      text.focus();
      return;
    }
    const asked = text.value; // which may be edited meanwhile
    const answers = [];
    say(by("asked"), "Asking …");
    try {
      const variants = await cards;
      show(variants, answers);
      for (const card of variants) {
        answers.push(await askOne(card, asked, signal));
        const hasFocus = unlock.contains(document.activeElement);
        unlock.hidden = !WITHOUT_KEY.includes(answers[0].status);
        if (unlock.hidden && hasFocus) text.focus();
        if (!unlock.hidden) {
          by("answers").replaceChildren();
          say(by("asked"), answers[0].problem, true);
          return;
        }
        show(variants, answers);
      }
    } catch (problem) {
      if (problem.name !== "AbortError") say(by("asked"), problem.message, true);
      return;
    }
    say(by("asked"), summary(answers));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    askAll();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      askAll();
    }
  });
  unlock.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = key.value.trim();
    if (!isKey(given)) {
      say(by("asked"), `${given ? "The key holds what no key has, perhaps unseen" : "No key is given"}; expected one that may predict.`, true);
      key.focus();
      return;
    }
    sessionStorage.setItem(STORED, given);
    key.value = "";
    askAll();
  });
  for (const example of form.querySelectorAll(".example")) {
    example.addEventListener("click", () => {
      text.value = example.textContent;
      askAll();
    });
  }
}

async function askOne(card, text, signal) {
  const began = performance.now();
  const key = sessionStorage.getItem(STORED);
  try {
    const { body, headers } = await ask(`${card.name}/predict`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-Server-Timing": "1",
        ...(key && { Authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ texts: [text], top_k: Math.min(TOP, card.dataset?.labels ?? 1) }),
      signal,
    });
    const tripMs = performance.now() - began;
    const [prediction] = body.predictions;
    return { card, prediction, tripMs, serverMs: serverMs(headers.get("server-timing")) };
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    return { card, problem: problem.message, status: problem.status };
  }
}

// What the model's own work took: without waiting for a turn and writing the answer.
function serverMs(header) {
  const durations = Object.fromEntries((header ?? "").split(",").map((part) => {
    const [name, duration] = part.trim().split(";dur=");
    return [name, Number(duration)];
  }));
  return durations.tokenize + durations.infer;
}

// The teacher's label, or where it gave none, the one that most variants gave.
function reference(answers) {
  const answered = answers.filter((answer) => answer.prediction);
  const teacher = answered.find((answer) => answer.card.kind === "teacher");
  if (teacher) return { label: teacher.prediction.label, whose: teacher.card.name };
  const votes = new Map();
  for (const { prediction: { label } } of answered) votes.set(label, (votes.get(label) ?? 0) + 1);
  const [label] = [...votes].sort((one, other) => other[1] - one[1])[0] ?? [];
  return { label, whose: "the majority" };
}

function summary(answers) {
  const { label, whose } = reference(answers);
  const answered = answers.filter((answer) => answer.prediction);
  const differing = answered.filter((answer) => answer.prediction.label !== label).map((answer) => answer.card.name);
  const failed = answers.length - answered.length;
  const said = [`${plural(answered.length, "variant")} answered`];
  if (failed) said.push(`${failed} did not`);
  if (answered.length > 1) {
    said.push(differing.length
      ? `${differing.length === 1 ? "one differs" : `${differing.length} differ`} from ${whose}: ${differing.join(", ")}`
      : `all say “${label}”`);
  }
  return `${said.join("; ")}.`;
}

function show(variants, answers) {
  const { label, whose } = reference(answers);
  const rows = variants.map((card, place) => row(card, answers[place], label, whose));
  by("answers").replaceChildren(table("What each variant says of the text", HEADS, rows));
}

function row(card, answer, expected, whose) {
  if (!answer) return { class: "waiting", cells: [card.name, "…", "", "", "", ""] };
  const { prediction } = answer;
  if (!prediction) {
    return { class: "failed", cells: [card.name, mark("bad", answer.problem), NONE, NONE, NONE, NONE] };
  }
  const differs = prediction.label !== expected;
  const top = prediction.top ?? [prediction];
  return {
    class: differs ? "differs" : null,
    cells: [
      card.name,
      [
        el("strong", {}, prediction.label),
        differs && el("div", {}, mark("note", `differs from ${whose}`)),
        prediction.truncated && el("div", {}, mark("off", `cut at ${card.max_tokens} tokens`)),
      ],
      percent(prediction.score),
      el("ol", { class: "bars" }, top.map(({ label, score }) =>
        el("li", {}, el("span", {}, label), bar(score), el("span", { class: "number" }, percent(score))))),
      ms(answer.serverMs),
      ms(answer.tripMs),
    ],
  };
}

function bar(share) {
  const inner = el("span", {});
  inner.style.inlineSize = `${100 * share}%`; // through the object model: the policy lets no style attribute in
  return el("span", { class: "bar", "aria-hidden": "true" }, inner);
}
