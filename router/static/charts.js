// Draws the charts of a snapshot with uPlot, each in the figure of its name, with a table of the same numbers.
import { ChartTable } from "./chart-table.js";
import { actMarks, immatureZone } from "./chart-marks.js";
import { axes, lineOf, watchColours } from "./chart-style.js";
import { numberWords } from "./numbers.js";

const HEIGHT = matchMedia("(min-width: 120rem)").matches ? 240 : 170;
const shown = new Map();
let newest = null;

export function showCharts(snapshot) {
  newest = snapshot;
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const chart = snapshot.charts[figure.dataset.chart];
    const own = shown.get(figure) ?? adopt(figure);
    own.show(chart, snapshot);
  }
  for (const figure of shown.keys()) {
    if (!figure.isConnected) {
      shown.get(figure).end();
      shown.delete(figure);
    }
  }
}

function adopt(figure) {
  const own = new ShownChart(figure);
  shown.set(figure, own);
  return own;
}

watchColours(() => {
  for (const own of shown.values()) own.forget();
  if (newest !== null) showCharts(newest);
});

class ShownChart {
  constructor(figure) {
    this.body = figure.querySelector(".chart-body");
    this.picture = document.createElement("div");
    this.picture.className = "chart-picture";
    this.picture.setAttribute("role", "img");
    this.empty = document.createElement("p");
    this.empty.className = "empty";
    this.table = new ChartTable();
    this.body.replaceChildren(this.picture, this.empty, this.table.element);
    this.plot = null;
    this.shape = "";
    this.resize = new ResizeObserver(() => this.fit());
    this.resize.observe(this.picture);
  }

  show(chart, snapshot) {
    const isEmpty = chart === undefined || chart.lines.every((line) => line.values.every((value) => value === null));
    this.picture.hidden = isEmpty;
    this.empty.hidden = !isEmpty;
    this.empty.textContent = "No data in this time.";
    this.table.show(isEmpty ? null : chart);
    if (isEmpty) return;

    this.picture.setAttribute("aria-label", chart.sentence);
    const shape = JSON.stringify(chart.lines.map((line) => [line.name, line.colour]));
    if (shape !== this.shape) this.forget();
    this.facts = { chart, snapshot };
    const data = [chart.at, ...chart.lines.map((line) => line.values)];
    if (this.plot === null) {
      this.shape = shape;
      this.plot = new uPlot(this.options(chart), data, this.picture);
    } else {
      this.plot.setData(data);
    }
  }

  options(chart) {
    const bands = chart.lines.findIndex((line) => line.band === "low");
    const spread = bands < 0 ? [] : [{ series: [bands + 2, bands + 1], ...lineOf({ colour: "band" }).filled }];
    return {
      width: Math.max(120, this.picture.clientWidth),
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { y: false, points: { size: 6 } },
      legend: {
        live: true,
        markers: { width: 2, fill: "transparent", dash: (_, index) => chart.lines[index - 1]?.style ?? "solid" },
      },
      scales: {
        x: { range: () => [this.facts.snapshot.since, this.facts.snapshot.until] },
        y: { range: (_, low, high) => this.range(low, high) },
      },
      axes: axes(chart.unit),
      series: [
        { label: "time" },
        ...chart.lines.map((line) => ({
          ...lineOf(line).series,
          label: line.name,
          value: (_, value) => value === null || value === undefined ? "" : numberWords(value, chart.unit),
        })),
      ],
      bands: spread,
      plugins: [actMarks(() => this.facts.snapshot.marks), immatureZone(() => this.facts.chart.immature_s)],
    };
  }

  range(low, high) {
    const { top, bottom } = this.facts.chart;
    if (top !== null) return [bottom, top];
    const least = Math.min(0, low ?? 0);
    const most = Math.max(0, high ?? 0);
    const room = 0.06 * (most - least) || 1;
    return [least === 0 ? 0 : least - room, most === 0 && least < 0 ? room : most + room];
  }

  fit() {
    const width = this.picture.clientWidth;
    if (this.plot !== null && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  forget() {
    this.plot?.destroy();
    this.plot = null;
    this.shape = "";
  }

  end() {
    this.resize.disconnect();
    this.forget();
  }
}
