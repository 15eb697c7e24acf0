// The page: each section is a module of its own.

import { ask } from "./ask.js";
import { by, say } from "./dom.js";
import { showExperiments } from "./experiments.js";
import { showLoadTest } from "./load_test.js";
import { count, plural } from "./numbers.js";
import { prepareTry } from "./try.js";
import { showVariants } from "./variants.js";

const cards = ask("variants").then(({ body }) => body.variants);
prepareTry(cards);
showExperiments();
showLoadTest();
try {
  const variants = await cards;
  const { dataset } = variants[0] ?? {};
  by("about").textContent = [
    plural(variants.length, "variant"),
    dataset?.name,
    dataset?.labels && `${count(dataset.labels)} labels`,
  ].filter(Boolean).join(" · ");
  showVariants(variants);
} catch (problem) {
  say(by("variants-said"), problem.message, true);
}
