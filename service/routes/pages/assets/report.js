// One experiment: what it is, what was counted, what follows from it, and the sequences over the labels.

import { drawn, el, mark } from "./dom.js";
import { count, decimal, evidence, interval, ms, NONE, percent, percentage, plural, share, significant, time } from "./numbers.js";
import { sequence } from "./sequence.js";
import { table } from "./table.js";
import { DECISIONS, KINDS, STATES, VERDICTS } from "./verdicts.js";

export function report(found) {
  const compared = found.arms.filter((arm) => !arm.control);
  return [
    heading(found),
    ...alarms(found),
    el("ul", { class: "decisions" }, compared.map((arm) =>
      el("li", {}, mark(...(DECISIONS[arm.decision] ?? ["open", arm.decision])), el("span", {}, named(arm))))),
    arms(found),
    sequences(found, compared),
    comparisons(compared),
    guardrails(found.guardrails ?? []),
    found.recording && el("p", { class: "quiet" }, recording(found.recording)),
    log(found.log ?? []),
  ].filter(Boolean);
}

// The sentence, with the arm before it where it does not begin with it.
function named({ variant, sentence }) {
  return sentence?.startsWith(variant) ? sentence : [el("strong", {}, variant), sentence && `: ${sentence}`];
}

function heading({ name, state, reason, revision, definition, started_at: started }) {
  const { mode, margin, alpha, traffic, unit, window_days: days } = definition;
  const told = [
    ["Revision", count(revision)],
    ["Since", time(started)],
    ["Mode", mode],
    ["Traffic", share(traffic)],
    ["Unit", unit ? Object.entries(unit).map((pair) => pair.join(" ")).join() : "request id"],
    ["Margin", plural(margin, "point")],
    ["Alpha", String(alpha)],
    ["Labels within", days ? plural(days, "day") : NONE],
  ];
  return el("div", { class: "heading" },
    el("h3", {}, `${name} `, mark(STATES[state] ?? "open", state)),
    reason && el("p", {}, reason),
    el("dl", {}, told.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value ?? NONE)))));
}

function alarms({ left_alone: left, sample_ratio: ratio, recording, guardrails: all }) {
  const said = [];
  if (left) said.push(`${left[0].toUpperCase()}${left.slice(1)}.`);
  if (ratio?.mismatch) {
    const got = Object.entries(ratio.counts).map(([arm, n]) => `${arm} ${count(n)} (expected ${share(ratio.expected[arm])})`);
    said.push(`Sample ratio mismatch: the arms did not get the shares that were set, so every verdict is withheld (revision ${ratio.revision}): ${got.join(", ")}; e-value ${evidence(ratio.e_value)}.`);
  }
  const dropped = Object.entries(recording?.dropped ?? {}).filter(([, n]) => n);
  if (dropped.length) said.push(`Not recorded: ${dropped.map(([why, n]) => `${count(n)} (${why})`).join(", ")}.`);
  for (const { name, arm } of (all ?? []).filter(({ breached }) => breached)) said.push(`Guardrail breached: ${name} of ${arm}.`);
  return said.map((sentence) => el("p", { class: "alarm" }, mark("bad", sentence)));
}

function arms(found) {
  const heads = [
    { text: "Arm" },
    { text: "Weight", number: true },
    { text: "Requests", number: true },
    { text: "Units", number: true },
    { text: "Errors", number: true },
    { text: "Mean ms", number: true },
    { text: "Latency ratio", number: true },
    { text: "Agreement", number: true },
    { text: "Labels", number: true },
    { text: "Accuracy", number: true },
    { text: "Verdict" },
  ];
  return table(`Arms of ${found.name}`, heads, found.arms.map((arm) => ({
    cells: [
      arm.variant,
      share(arm.weight),
      count(arm.requests),
      count(arm.units),
      count(arm.errors),
      ms(arm.mean_ms),
      arm.latency ? [decimal(arm.latency.ratio), below(interval(arm.latency.low, arm.latency.high, 2))] : NONE,
      arm.agreement ? [percent(arm.agreement.share), below(interval(arm.agreement.low, arm.agreement.high, 1, 100))] : NONE,
      count(arm.labels),
      percentage(arm.accuracy),
      arm.control ? mark("off", "control") : mark(...(VERDICTS[arm.verdict] ?? ["open", arm.verdict])),
    ],
  })));
}

const below = (text) => el("span", { class: "below" }, text);

function sequences({ definition, history, name }, compared) {
  const pictures = compared.flatMap(({ variant }) => {
    const points = history?.[variant] ?? [];
    return [...new Set(points.map(({ kind }) => kind))].map((kind) => {
      const [word, counted] = KINDS[kind] ?? [kind, "labels"];
      const title = `${variant}, ${word}`;
      const margin = kind === "metric" ? definition.metric_margin : definition.margin;
      return el("figure", {},
        el("figcaption", {}, title),
        drawn(el("div", {}), (width) => sequence(points.filter((point) => point.kind === kind), { title, counted, margin, width, bound: kind === "label_free" })));
    });
  });
  if (!pictures.length) return null;
  return el("div", {},
    el("h4", {}, "Sequences: the drop behind the control, over the labels"),
    el("p", { class: "quiet" },
      "The band holds the true drop at every look together. All of it below 0: better. Below the margin: not worse. Above 0: worse."),
    el("div", { class: "pictures", role: "group", "aria-label": `Sequences of ${name}` }, pictures));
}

function comparisons(compared) {
  const heads = [
    { text: "Arm and kind" },
    { text: "n", number: true },
    { text: "Drop", number: true },
    { text: "Interval", number: true },
    { text: "e: no drop", number: true },
    { text: "e: margin", number: true },
    { text: "e: no gain", number: true },
    { text: "Verdict" },
    { text: "Further labels", number: true },
  ];
  const rows = compared.flatMap((arm) => Object.entries(KINDS).filter(([kind]) => arm[kind]).map(([kind, [word]]) => {
    const { n, e_no_drop: noDrop, e_margin: margin, e_gain: gain, verdict, further } = arm[kind];
    return {
      cells: [
        `${arm.variant}, ${word}`, count(n), ...difference(kind, arm[kind]), evidence(noDrop), evidence(margin), evidence(gain),
        mark(...(VERDICTS[verdict] ?? ["open", verdict])), further === null ? NONE : kind === "label_free" ? `${count(further)} pairs` : count(further),
      ],
    };
  }));
  return rows.length ? table("Evidence: drops in points, valid at every look", heads, rows) : null;
}

// The drop and its interval; without labels no more is known of it than the most that it can be, and a metric has its own unit.
function difference(kind, { drop, low, high }) {
  if (kind === "label_free") return [`at most ${decimal(high)}`, NONE];
  if (kind === "metric") return [`${significant(drop)} of its own unit`, `[${significant(low)}, ${significant(high)}]`];
  return [decimal(drop), interval(low, high, 2)];
}

function guardrails(all) {
  const heads = [
    { text: "Guardrail" },
    { text: "Arm" },
    { text: "Value", number: true },
    { text: "Interval", number: true },
    { text: "Limit", number: true },
    { text: "n of least", number: true },
    { text: "State" },
  ];
  return all.length ? table("Guardrails", heads, all.map(({ name, arm, limit, value, low, high, n, minimum, breached }) => {
    const isRatio = name === "latency";
    const digits = limit < 0.01 ? 3 : 1;
    const written = (figure) => (isRatio ? decimal(figure) : percent(figure, digits));
    return {
      cells: [
        name.replaceAll("_", " "), arm, written(value), isRatio ? interval(low, high, 2) : interval(low, high, digits, 100),
        isRatio ? decimal(limit) : share(limit), `${count(n)} of ${count(minimum)}`,
        breached ? mark("bad", "breached") : n < minimum ? mark("open", "too few yet") : mark("good", "holds"),
      ],
    };
  })) : null;
}

function recording(found) {
  const lost = Object.values(found.dropped ?? {}).reduce((sum, n) => sum + n, 0);
  return `Recording: ${count(found.written)} written, ${count(found.pending)} waiting, ${lost ? `${count(lost)} lost` : "none lost"}.`;
}

function log(entries) {
  const heads = ["At", "Revision", "By", "What", "Detail"].map((text) => ({ text }));
  return entries.length ? el("details", { id: "log" }, el("summary", { id: "log-summary" }, `Log, ${plural(entries.length, "entry", "entries")}`),
    table("Log, the latest first", heads, [...entries].reverse().map(({ at, revision, actor, what, detail }) => ({
      cells: [time(at), count(revision), actor, what, detail && Object.keys(detail).length ? JSON.stringify(detail) : NONE],
    })))) : null;
}
