// Fills the places of a sentence: fill("{n} ahead", { n: 2 }) is "2 ahead".
export function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
