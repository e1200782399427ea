// The page: a form made of the version's columns, and predictions by the model in this browser.

import * as ort from "./ort.wasm.min.js";
import { RefusedRow, EdgeModel } from "./edge_model.js";

const MOST_CHOICES = 100;
const byId = (id) => document.getElementById(id);
const fields = new Map();

byId("file-note").remove();
start().catch((error) => fail(error.message));

async function start() {
  ort.env.wasm.wasmPaths = {
    mjs: new URL("ort-wasm-simd-threaded.js", import.meta.url).href,
    wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href,
  };
  const model = await EdgeModel.load(ort, read, { manifest: "files.json" });
  model.description.columns.forEach((column, number) => addField(column, number));
  const golden = new TextDecoder().decode(await read("golden.jsonl")).trim().split("\n");
  let shown = 0;
  const showExample = () => {
    fill(JSON.parse(golden[shown % golden.length]).row);
    shown += 1;
  };
  showExample();
  byId("example").addEventListener("click", () => {
    showExample();
    predict(model);
  });
  byId("row").addEventListener("submit", (event) => {
    event.preventDefault();
    predict(model);
  });
  byId("proof").textContent =
    `${model.golden.rows} recorded predictions were made again here and are equal (largest ` +
    `difference ${Number(model.golden.largest.toPrecision(2))}); onnxruntime-web ` +
    `${ort.env.versions.web}.`;
  byId("columns").hidden = false;
  byId("state").hidden = true;
  document.body.dataset.state = "ready";
  await keepOffline();
}

async function read(name) {
  // Not an older copy of one of them beside newer ones.
  const response = await fetch(name, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${name} cannot be read: the server says ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function fail(message) {
  document.body.dataset.state = "failed";
  byId("state").textContent = `The model cannot be used: ${message}.`;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function addField(column, number) {
  const id = `field-${number}`;
  const input = column.type === "bool" ? choice(["true", "false"], column.nullable) : textInput();
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-hint ${id}-wrong`);
  const wrong = element("p", { id: `${id}-wrong`, className: "wrong" });
  const block = element(
    "div",
    {},
    element("label", { htmlFor: id, textContent: column.name }),
    input,
    element("p", { id: `${id}-hint`, className: "hint", textContent: hint(column) }),
    wrong,
  );
  const known = column.seen.categories?.slice(0, MOST_CHOICES);
  if (known !== undefined) {
    const list = element("datalist", { id: `${id}-list` });
    list.append(...known.map((value) => element("option", { value })));
    input.setAttribute("list", list.id);
    block.append(list);
  }
  byId("fields").append(block);
  fields.set(column.name, { column, input, wrong });
}

function textInput() {
  return element("input", { type: "text", spellcheck: false });
}

function choice(values, nullable) {
  const choices = nullable ? ["", ...values] : values;
  const options = choices.map((value) => element("option", { value, textContent: value || "–" }));
  return element("select", {}, ...options);
}

function hint({ type, nullable, seen }) {
  const words = [{ int: "whole number", float: "number", bool: "yes or no", string: "text" }[type]];
  if (seen.minimum !== undefined && seen.maximum !== undefined) {
    words.push(`training had ${seen.minimum} to ${seen.maximum}`);
  }
  if (seen.categories !== undefined) words.push(`training had ${seen.categories.length} values`);
  if (nullable) words.push("empty for none");
  return words.join("; ");
}

function fill(row) {
  for (const [name, { input }] of fields) input.value = row[name] === null ? "" : String(row[name]);
}

/** What was typed as a value of JSON; a text that is no number stays one, which encode refuses. */
function typed({ column, input }) {
  const value = input.value;
  if (value === "" && column.nullable) return null;
  if (column.type === "string") return value;
  if (column.type === "bool") return value === "true";
  const plain = value.trim();
  if (plain === "" || Number.isNaN(Number(plain))) return value;
  if (column.type === "int" && /^[+-]?\d+$/.test(plain)) return BigInt(plain.replace("+", ""));
  return Number(plain);
}

async function predict(model) {
  for (const { input, wrong } of fields.values()) {
    input.removeAttribute("aria-invalid");
    wrong.textContent = "";
  }
  try {
    const row = Object.fromEntries([...fields].map(([name, field]) => [name, typed(field)]));
    const [answer] = await model.predict([row]);
    byId("prediction").replaceChildren(...shownAnswer(model.description, answer));
  } catch (error) {
    showError(error);
  }
}

function showError(error) {
  byId("prediction").replaceChildren(element("p", { textContent: `None: ${error.message}` }));
  const field = error instanceof RefusedRow ? fields.get(error.column) : undefined;
  if (field === undefined) return;
  field.wrong.textContent = error.detail;
  field.input.setAttribute("aria-invalid", "true");
  field.input.focus();
}

function shownAnswer({ outputs, classes }, answer) {
  return outputs.flatMap((output) => {
    const value = outputs.length === 1 ? answer : answer[output.name];
    const title = outputs.length === 1 ? [] : [element("h3", { textContent: output.name })];
    return [...title, shownValue(output, classes, value)];
  });
}

function shownValue(output, classes, value) {
  if (!Array.isArray(value)) {
    return element("p", { className: "answer", textContent: shownNumber(value) });
  }
  if (value.some(Array.isArray)) {
    return element("p", { textContent: JSON.stringify(value) });
  }

  const reads = classes !== null && classes.length === value.length && output.name !== "predict";
  const names = reads ? classes : value.map((_, at) => output.names[at] ?? at + 1);
  const largest = reads ? value.indexOf(Math.max(...value)) : -1;
  const rows = value.map((number, at) =>
    element(
      "tr",
      { className: at === largest ? "largest" : "" },
      element("th", { scope: "row", textContent: String(names[at]) }),
      element("td", { className: "number", textContent: shownNumber(number) }),
    ),
  );
  const head = element(
    "tr",
    {},
    element("th", { scope: "col", textContent: reads ? "class" : "value" }),
    element("th", { scope: "col", textContent: output.name }),
  );
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function shownNumber(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(7))) : String(value);
}

async function keepOffline() {
  const note = byId("offline");
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    note.textContent = "This page is kept in the browser and works offline.";
    document.body.dataset.offline = "ready";
  } catch (error) {
    note.textContent = `This page works online only: ${error.message}`;
  }
}
