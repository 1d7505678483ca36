// Numbers and states, as people read them.

const whole = new Intl.NumberFormat("en");
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const count = (number) => whole.format(number);

/** A rate: one decimal below a hundred, none above, where they would only flicker. */
export const rate = (number) => (number >= 100 || number === 0 ? whole.format(Math.round(number)) : tenth.format(number));

export function seconds(given) {
  if (given < 0.9995) return `${Math.round(given * 1000)} ms`;
  if (given < 9.95 && !Number.isInteger(given)) return `${tenth.format(given)} s`;
  if (given < 90) return `${Math.round(given)} s`;
  if (given < 5400) return `${Math.round(given / 60)} min`;
  return `${Math.round(given / 3600)} h`;
}

export function bytes(given) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let number = given;
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number >= 10 || unit === 0 ? Math.round(number) : tenth.format(number)} ${units[unit]}`;
}

export const several = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

export const STATES = {
  ready: "Ready",
  loading: "Loading",
  draining: "Finishing",
  failed: "Failed",
  waiting: "Waiting for room",
  unplaceable: "Fits nowhere",
  unloaded: "Not loaded",
  missing: "Not served",
};
