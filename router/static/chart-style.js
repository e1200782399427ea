// Colours and lines of charts, taken from page.css, so that light and dark are decided in one file.
const DASHES = { solid: [], dashed: [6, 4], dotted: [2, 3] };

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function lineOf({ colour: name, style = "solid", steps = false, band = "" }) {
  const stroke = colour(name);
  return {
    series: {
      stroke,
      width: band === "" ? 1.75 : 1,
      dash: DASHES[style],
      points: { show: false },
      spanGaps: false,
      paths: steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
    },
    filled: { fill: colour("band-fill") },
  };
}

export function axes(unit) {
  const text = { stroke: colour("soft"), font: "12px system-ui, sans-serif", ticks: { stroke: colour("rule"), width: 1 } };
  const grid = { stroke: colour("rule"), width: 1 };
  return [
    { ...text, grid: { show: false }, values: [
      [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
      [3600, "{HH}:{mm}", "\n{MM}-{DD}", null, null, null, null, null, 1],
      [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
      [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
    ], space: 70 },
    { ...text, grid, size: 62, values: (_, ticks) => ticks.map((tick) => `${tick}${unit}`) },
  ];
}

// Call back when the colours of the page change.
export function watchColours(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

export { colour };
