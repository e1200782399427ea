// Predicts with an exported version in Node and in a browser, by onnxruntime-web on one thread.
//
//     const model = await EdgeModel.load(ort, read);
//     await model.predict([{ age: 41, city: "Oslo" }]);
//
// ort: the module onnxruntime-web/wasm. read(name): the bytes of a file of the folder.

const NO_PREDICTION =
  "the model has no prediction for a row, as where a value is unlike all that it was trained on: " +
  "send values like those of training";
const EXACT_FLOATS = 2 ** 53;
const LONGEST_COLUMN = 128;
const LONGEST_DETAIL = 300;
const ARRAYS = { double: Float64Array, float: Float32Array, int64: BigInt64Array, bool: Uint8Array };
const TYPES = { double: "float64", float: "float32", int64: "int64", bool: "bool", string: "string" };

/** The folder cannot be used; the message has the cause and the next step. */
export class EdgeError extends Error {}

/** A row that the service refuses too. column: the one at fault, null of a row as a whole. */
export class RefusedRow extends Error {
  constructor(column, detail, options) {
    super(column === null ? detail : `column '${column}': ${detail}`, options);
    this.column = column;
    this.detail = detail;
  }
}

export class EdgeModel {
  /**
   * Loads a version; every file is compared with the manifest, and the golden rows are predicted.
   *
   * manifest: the name of the manifest. key: the PEM text of the public key that must have signed
   * it; without one it is not checked. Throws EdgeError.
   */
  static async load(ort, read, { manifest = "manifest.json", key = null } = {}) {
    if (!globalThis.crypto?.subtle) {
      throw new EdgeError("files cannot be checked here: serve them from https:// or localhost");
    }

    const raw = await read(manifest);
    if (key !== null) {
      await requireSignature(raw, await read("signature"), key, manifest);
    }

    const files = filesOf(raw, manifest);
    const checked = async (name) => {
      const bytes = await read(name);
      if ((await sha256(bytes)) !== files.get(name)) {
        throw new EdgeError(`${name} was changed after it was signed: export the version again`);
      }
      return bytes;
    };

    const description = JSON.parse(text(await checked("model.json")));
    requireVersion(ort.env.versions?.web ?? "0.0.0", description["onnxruntime-web"]);
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.logLevel = "fatal";
    const session = await ort.InferenceSession.create(await checked("model.onnx"), {
      executionProviders: ["wasm"],
      logSeverityLevel: 4,
    });
    const model = new EdgeModel(ort, session, description, checked);
    model.golden = await model.requireGolden();
    return model;
  }

  constructor(ort, session, description, checked) {
    Object.assign(this, { ort, session, description, checked });
    this.queue = Promise.resolve();
  }

  /** The checked values of a row, in the order of the columns; throws RefusedRow. */
  encode(row) {
    return encode(row, this.description);
  }

  /** One prediction a row; throws RefusedRow for the first row that does not fit. */
  async predict(rows) {
    const encoded = rows.map((row) => this.encode(row));
    if (encoded.length === 0) return [];
    if (!this.description.one_row_at_a_time) return this.run(encoded);

    const answers = [];
    for (const row of encoded) answers.push((await this.run([row]))[0]);
    return answers;
  }

  /** Predicts the golden rows, and sees that what the service refuses is refused here too. */
  async check() {
    const refused = lines(await this.checked("refused.jsonl"));
    refused.forEach((line, index) => {
      let answer = null;
      try {
        this.encode(line.row);
      } catch (error) {
        answer = [error.column, error.detail];
      }
      if (JSON.stringify(answer) !== JSON.stringify([line.column, line.detail])) {
        throw new EdgeError(`refused.jsonl, line ${index + 1}: answers ${JSON.stringify(answer)}`);
      }
    });

    const golden = await this.requireGolden();
    const largest = Number(golden.largest.toPrecision(2));
    return (
      `${golden.rows} golden rows equal (largest difference ${largest}), ${refused.length} bad ` +
      `rows refused, onnxruntime-web ${this.ort.env.versions.web}`
    );
  }

  /** How many golden rows there are, and their largest difference; throws EdgeError. */
  async requireGolden() {
    const golden = lines(await this.checked("golden.jsonl"));
    const answers = await this.predict(golden.map((line) => line.row));
    let largest = 0;
    golden.forEach((line, index) => {
      const size = this.difference(line.answer, answers[index]);
      largest = Math.max(largest, size);
      if (!(size <= this.description.tolerance)) {
        throw new EdgeError(
          `golden.jsonl, line ${index + 1}: predicts ${JSON.stringify(answers[index])} where ` +
            `${JSON.stringify(line.answer)} was exported: use onnxruntime-web ` +
            this.description["onnxruntime-web"],
        );
      }
    });
    return { rows: golden.length, largest };
  }

  /** How much two predictions differ, as the service measures it. */
  difference(expected, answer) {
    const { outputs, scale } = this.description;
    if (outputs.length === 1) return differs(expected, answer, scale, outputs[0].numbers);

    const sizes = outputs.map(({ name, numbers }) =>
      differs(expected[name], answer[name], isNumber(scale) ? scale : scale[name], numbers),
    );
    return Math.max(...sizes);
  }

  async run(encoded) {
    // One run at a time: a session has one memory.
    const turn = this.queue.then(() => this.runAlone(encoded));
    this.queue = turn.catch(() => {});
    return turn;
  }

  async runAlone(encoded) {
    const feeds = {};
    for (const { name, column, type, form } of this.description.inputs) {
      const values = encoded.map((row) => row[column]);
      feeds[name] = tensor(this.ort, values, type, form);
    }

    const { outputs, classes } = this.description;
    const names = outputs.map((output) => output.tensor);
    let results;
    try {
      results = await this.session.run(feeds, names, { logSeverityLevel: 4 });
    } catch (cause) {
      throw new RefusedRow(null, NO_PREDICTION, { cause });
    }

    const answers = outputs.map((output) => listed(output, results[output.tensor], classes));
    for (const result of Object.values(results)) result.dispose();
    if (outputs.length === 1) return answers[0];

    return encoded.map((_, row) =>
      Object.fromEntries(outputs.map((output, at) => [output.name, answers[at][row]])),
    );
  }
}

/** The checked values of a row, in the order of the columns; throws RefusedRow as the service. */
export function encode(row, description) {
  if (kindOf(row) !== "object") throw new RefusedRow(null, description.no_object[kindOf(row)]);

  const columns = new Map(description.columns.map((column) => [column.name, column]));
  const values = new Map();
  for (const [name, value] of Object.entries(row)) {
    const column = columns.get(name);
    if (column === undefined) {
      const detail = description.unknown.split("{}").join(name);
      throw new RefusedRow(short(name, LONGEST_COLUMN), short(detail, LONGEST_DETAIL));
    }
    values.set(name, checkedValue(column, value));
  }

  for (const column of description.columns) {
    if (!values.has(column.name)) {
      throw new RefusedRow(short(column.name, LONGEST_COLUMN), column.missing);
    }
  }

  return description.columns.map((column) => values.get(column.name));
}

/** The value as the column's tensor takes it; throws RefusedRow. */
function checkedValue(column, value) {
  const refuse = (detail) => {
    throw new RefusedRow(short(column.name, LONGEST_COLUMN), detail);
  };
  value ??= null;
  if (value === null && column.nullable) return null;
  if (Number.isNaN(value)) refuse("NaN is no value of JSON: send null where a number is missing");
  if (value === Infinity || value === -Infinity) refuse("Number out of range");

  let kind = kindOf(value);
  const whole = typeof value === "bigint" || Number.isInteger(value);
  if (column.type === "int" && whole) kind = "int";
  if (column.type === "float" && whole) {
    value = Number(value);
    if (!Number.isFinite(value)) refuse("Number out of range");
    kind = "float";
  }

  if (kind in column.refusals) refuse(column.refusals[kind]);
  if (column.least !== null && value < bound(column, "least")) refuse(column.refusals.least);
  if (column.most !== null && value > bound(column, "most")) refuse(column.refusals.most);
  if (column.type === "int" && typeof value === "number" && Math.abs(value) > EXACT_FLOATS) {
    refuse("a number beyond 2^53 loses digits in JavaScript: send a BigInt");
  }
  if (kind === "str") requireText(value, refuse);
  return value;
}

function requireText(value, refuse) {
  if (!/^\P{Surrogate}*$/u.test(value)) refuse("the text holds half a character: send whole ones");
  if (value.includes("\0")) {
    refuse("the text holds the character 0, at which onnxruntime-web would end it");
  }
}

// JSON.parse reads the limits of 64 bits as floats, one beside them.
function bound(column, name) {
  const limit = column[name];
  if (column.type !== "int" || Number.isSafeInteger(limit)) return limit;
  return name === "least" ? -(2n ** 63n) : 2n ** 63n - 1n;
}

/** The word of a value's kind in the service's messages. */
function kindOf(value) {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "string":
      return "str";
    case "boolean":
      return "bool";
    case "bigint":
      return value >= -(2n ** 63n) && value < 2n ** 64n ? "int" : "float";
    case "number":
      return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 64 ? "int" : "float";
    default:
      return "object";
  }
}

function short(value, most) {
  const characters = Array.from(value);
  return characters.length <= most ? value : `${characters.slice(0, most).join("")}...`;
}

/** One input, of shape [rows, 1]. */
function tensor(ort, values, type, form) {
  const shape = [values.length, 1];
  if (form === "null_mask") values = values.map((value) => value === null);
  if (form === "lower_case") values = values.map((value) => value.toLowerCase());
  if (type === "string") {
    return new ort.Tensor(
      "string",
      values.map((value) => value ?? ""),
      shape,
    );
  }

  const convert = type === "int64" ? BigInt : (value) => (value === null ? NaN : Number(value));
  return new ort.Tensor(TYPES[type], ARRAYS[type].from(values.map(convert)), shape);
}

/** One output's answer a row, as plain values; throws for what JSON cannot hold. */
function listed(output, result, classes) {
  const values = Array.from(result.data, plain);
  const [rows] = result.dims;
  const width = values.length / rows;
  if (output.shape.length > 0) {
    return nested(values, result.dims.map(Number));
  }

  return Array.from({ length: rows }, (_, row) => {
    const value = values[(row + 1) * width - 1];
    if (!output.classes || classes === null) return value;
    return classes.find((one) => one === value || Number(one) === value);
  });
}

function plain(value) {
  if (typeof value === "bigint") {
    if (value > EXACT_FLOATS || value < -EXACT_FLOATS) {
      throw new RefusedRow(null, "the model answered a number beyond 2^53");
    }
    return Number(value);
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RefusedRow(null, "the model answered NaN or infinity");
  }
  return value;
}

function nested(values, [length, ...inner]) {
  if (inner.length === 0) return values;
  const size = values.length / length;
  return Array.from({ length }, (_, at) => nested(values.slice(at * size, (at + 1) * size), inner));
}

function differs(expected, answer, scale, numbers) {
  if (Array.isArray(expected)) {
    if (!Array.isArray(answer) || answer.length !== expected.length) return Infinity;
    const sizes = expected.map((value, at) =>
      differs(value, answer[at], isNumber(scale) ? scale : scale[at], numbers),
    );
    return Math.max(0, ...sizes);
  }
  if (numbers && isNumber(expected) && isNumber(answer)) {
    return Math.abs(expected - answer) / Math.max(scale, Math.abs(expected));
  }
  return expected === answer ? 0 : Infinity;
}

function isNumber(value) {
  return typeof value === "number";
}

/** Digests by file. */
function filesOf(raw, manifest) {
  try {
    const { files } = JSON.parse(text(raw));
    return new Map(Object.entries(files).map(([name, file]) => [name, file.sha256]));
  } catch {
    throw new EdgeError(`${manifest} is no manifest: export the version again`);
  }
}

function requireVersion(here, least) {
  const [ours, theirs] = [here, least].map((version) => version.match(/\d+/g).map(Number));
  for (let at = 0; at < 3; at += 1) {
    if (ours[at] > theirs[at]) return;
    if (ours[at] < theirs[at]) {
      throw new EdgeError(
        `onnxruntime-web ${here} is older than ${least}, which the model is certified on: ` +
          `install ${least}`,
      );
    }
  }
}

async function requireSignature(raw, signature, key, manifest) {
  let holds = false;
  try {
    const spki = bytesOf(key.replace(/-----[^-]+-----|\s/g, ""));
    const imported = await crypto.subtle.importKey("spki", spki, "Ed25519", false, ["verify"]);
    holds = await crypto.subtle.verify("Ed25519", imported, bytesOf(text(signature).trim()), raw);
  } catch (error) {
    if (error.name === "NotSupportedError") {
      throw new EdgeError("the signature cannot be checked here, without Ed25519: use another one");
    }
  }
  if (!holds) {
    throw new EdgeError(
      `signature does not hold for ${manifest}: the manifest was changed, or another key signed it`,
    );
  }
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function lines(bytes) {
  return text(bytes)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
