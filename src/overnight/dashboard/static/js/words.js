// Numbers and times as people read them; the same words as the command line's.

export const VERDICTS = {
  baseline: "baseline",
  keep: "kept",
  discard: "not better",
  crash: "crashed",
  timeout: "too slow",
  invalid: "broke a rule",
  no_change: "no change",
};

export function number(value, digits = 6) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(Math.max(digits - 3, 1)).replace("-", "−");
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

export function gain(value) {
  if (value === null || value === undefined) return "";
  return value > 0 ? `+${number(value, 3)}` : number(value, 3);
}

export function interval(low, high) {
  if (low === null || low === undefined || high === null || high === undefined) return "";
  return low === high ? "exact" : `${number(low, 3)} to ${number(high, 3)}`;
}

export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  if (whole >= 60) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return whole || !seconds ? `${whole} s` : `${Number(seconds.toPrecision(2))} s`;
}

export function clock(time) {
  const then = new Date(time * 1000);
  const hours = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === new Date().toDateString()) return hours;
  return `${then.toLocaleDateString([], { month: "short", day: "numeric" })}, ${hours}`;
}

export function count(many, noun) {
  return `${many.toLocaleString("en")} ${noun}${many === 1 ? "" : "s"}`;
}
