// The numbers of a chart as a table: made when it is opened, and kept up to date while it is open.
import { numberWords } from "./numbers.js";

export class ChartTable {
  constructor() {
    this.element = document.createElement("details");
    this.element.className = "chart-numbers";
    const summary = document.createElement("summary");
    summary.textContent = "Numbers";
    this.holder = document.createElement("div");
    this.holder.className = "scroll";
    this.holder.tabIndex = 0;
    this.holder.setAttribute("role", "region");
    this.element.append(summary, this.holder);
    this.chart = null;
    this.element.addEventListener("toggle", () => this.render());
  }

  show(chart) {
    this.chart = chart;
    this.element.hidden = chart === null;
    this.render();
  }

  render() {
    if (!this.element.open || this.chart === null) {
      this.holder.replaceChildren();
      return;
    }
    this.holder.setAttribute("aria-label", this.chart.title);
    this.holder.replaceChildren(tableOf(this.chart));
  }
}

// The newest first; times without any number are left out.
function tableOf(chart) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  ["time (UTC)", ...chart.lines.map((line) => line.name)].forEach((name) => head.append(cell("th", name, "col")));
  const body = table.createTBody();
  for (let index = chart.at.length - 1; index >= 0; index -= 1) {
    const values = chart.lines.map((line) => line.values[index]);
    if (values.every((value) => value === null)) continue;
    const row = body.insertRow();
    row.append(cell("th", new Date(chart.at[index] * 1000).toISOString().replace("T", " ").slice(0, 19), "row"));
    values.forEach((value) => row.append(cell("td", numberWords(value, chart.unit))));
  }
  return table;
}

function cell(tag, text, scope) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (scope !== undefined) made.scope = scope;
  return made;
}
