// A number of a chart in words: as many digits as it has, and a dash where it is not known.
export function numberWords(value, unit) {
  if (value === null || value === undefined) return "–";
  return `${Number(value.toPrecision(6))}${unit}`;
}
