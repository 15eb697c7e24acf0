// Figures as text, one way of writing them everywhere.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const set = new Intl.NumberFormat("en", { maximumSignificantDigits: 9 });
const three = new Intl.NumberFormat("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
const exact = new Intl.NumberFormat("en");
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const fixed = (value, digits) => value.toFixed(digits).replace("-", "−");

export const NONE = "–";
export const count = (value) => (isNumber(value) ? whole.format(value) : NONE);
export const decimal = (value, digits = 2) => (isNumber(value) ? fixed(value, digits) : NONE);
export const percent = (share, digits = 1) => (isNumber(share) ? `${fixed(100 * share, digits)} %` : NONE);
// A share that somebody has set, with all its digits.
export const share = (value) => (isNumber(value) ? `${set.format(100 * value)} %` : NONE);
export const significant = (value) => (isNumber(value) ? three.format(value).replace(/^-/, "−") : NONE);
export const percentage = (hundredths, digits = 1) => (isNumber(hundredths) ? `${fixed(hundredths, digits)} %` : NONE);
export const interval = (low, high, digits = 1, times = 1) =>
  isNumber(low) && isNumber(high) ? `[${fixed(times * low, digits)}, ${fixed(times * high, digits)}]` : NONE;
export const megabytes = (bytes) => {
  const size = bytes / 1e6;
  return isNumber(size) ? fixed(size, size < 1 ? 3 : size < 10 ? 1 : 0) : NONE;
};
export const ms = (value) => (isNumber(value) ? fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0) : NONE);
export const millions = (value) =>
  isNumber(value) ? (value < 1e6 ? `${fixed(value / 1e3, 0)} k` : `${fixed(value / 1e6, 1)} M`) : NONE;
// An e-value may be of any size.
export const evidence = (value) =>
  isNumber(value) ? (value >= 1000 ? value.toExponential(1).replace("e+", "e") : value.toPrecision(2)) : NONE;
export const plural = (number, one, many = `${one}s`) => `${exact.format(number)} ${number === 1 ? one : many}`;

export function time(at) {
  const date = typeof at === "number" ? new Date(at * 1000) : new Date(at);
  return at === null || at === undefined || Number.isNaN(date.getTime())
    ? NONE
    : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
