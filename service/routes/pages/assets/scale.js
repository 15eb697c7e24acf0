// Axes: from values to places, with ticks at round values.

export function linear([low, high], [from, to], wanted = 5) {
  const step = nice((high - low) / wanted);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high + step * 1e-6; tick += 1) ticks.push(tick * step + 0);
  const at = (value) => from + ((value - low) / (high - low)) * (to - from);
  return { at, ticks, written: (tick) => tick.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−") };
}

export function logarithmic([low, high], [from, to], wanted = 4) {
  const at = (value) => from + (Math.log(value / low) / Math.log(high / low)) * (to - from);
  const within = (steps) => {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      ticks.push(...steps.map((step) => Number((step * 10 ** power).toPrecision(3))));
    }
    return ticks.filter((tick) => low <= tick && tick <= high);
  };
  const choices = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]];
  const ticks = choices.map(within).find((found) => found.length >= wanted) ?? within(choices.at(-1));
  return { at, ticks, written: String };
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].find((times) => times * power >= step * 0.999) * power;
}
