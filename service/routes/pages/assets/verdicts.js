// The words for verdicts, decisions and states, and the sign that goes with each.

export const STATES = { running: "good", paused: "off", ended: "off", tripped: "bad" };

export const DECISIONS = {
  ship: ["good", "ship"],
  do_not: ["bad", "do not ship"],
  undecided: ["open", "undecided"],
  withheld: ["note", "withheld"],
};

export const VERDICTS = {
  better: ["good", "better"],
  not_worse: ["good", "not worse"],
  worse: ["bad", "worse"],
  undecided: ["open", "undecided"],
  withheld: ["note", "withheld"],
};

// How an arm is compared with the control: the key in its report, and what is counted.
export const KINDS = {
  paired: ["paired", "labelled pairs"],
  split: ["split", "labels"],
  label_free: ["label-free", "pairs"],
  metric: ["metric", "values"],
};
