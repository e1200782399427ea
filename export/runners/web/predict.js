// Predicts rows (JSON lines on standard input) in Node, or checks the folder:
//
//     npm ci && node predict.js --key ../../sluice.pub --check
//
// --folder: the exported folder. --onnxruntime: a file to import instead of the npm package.

import { webcrypto } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { EdgeModel } from "./edge_model.js";

// Node 18 has it without the global name.
globalThis.crypto ??= webcrypto;

const { values: options } = parseArgs({
  options: {
    folder: { type: "string", default: fileURLToPath(new URL("..", import.meta.url)) },
    key: { type: "string" },
    check: { type: "boolean", default: false },
    onnxruntime: { type: "string", default: "onnxruntime-web/wasm" },
  },
});

try {
  const isFile = path.isAbsolute(options.onnxruntime);
  const ort = await import(isFile ? pathToFileURL(options.onnxruntime).href : options.onnxruntime);
  const key = options.key === undefined ? null : await readFile(options.key, "utf8");
  const model = await EdgeModel.load(ort, read, { key });
  if (options.check) {
    console.log(await model.check());
  } else {
    for await (const line of linesOf(process.stdin)) {
      const [answer] = await model.predict([JSON.parse(line)]);
      console.log(JSON.stringify(answer));
    }
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

// Node's own readline ends a line at U+2028, which a text may hold, and replaces what is not UTF-8.
async function* linesOf(input) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const bytes of input) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop();
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}

async function read(name) {
  const file = path.join(options.folder, name);
  // A pipe would have nobody who writes to it.
  if (!(await stat(file)).isFile()) {
    throw new Error(`${name} is no file: export the version again`);
  }
  return readFile(file);
}
