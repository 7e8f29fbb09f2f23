// Fills the places of a sentence: fill("{n} ahead", { n: 2 }) is "2 ahead".
export function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// A share of the picture: "34 %", "2.5 %", "0.04 %"; the figures are those of the note.
export function share(fraction) {
  const percent = 100 * fraction;
  const digits = percent >= 9.95 || percent === 0 ? 0 : percent >= 0.095 ? 1 : 2;
  const gap = isChinese() ? "" : "\u00a0";
  return `${percent.toFixed(digits)}${gap}%`;
}

// How dates and times are written: on the English page as the browser is set.
export function locale() {
  return isChinese() ? "zh" : [];
}

// The text as a sentence: with a full stop where it has none.
export function ended(text) {
  return /[.。]$/.test(text) ? text : text + (isChinese() ? "。" : ".");
}

function isChinese() {
  return document.documentElement.lang === "zh";
}
