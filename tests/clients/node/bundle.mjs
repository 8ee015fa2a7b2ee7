// Bundles a client's module into a page: node bundle.mjs MODULE FOLDER.

import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [module, folder] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
await build({
  entryPoints: [path.join(here, "page.mjs")],
  alias: { "client-under-test": path.join(here, "clients", `${module}.mjs`) },
  bundle: true,
  format: "iife",
  target: "chrome110",
  // Amplify 5 and amazon-cognito-identity-js expect what their own guides tell web applications to define.
  define: { global: "globalThis" },
  logLevel: "error",
  outfile: path.join(folder, "client.js"),
});
await writeFile(
  path.join(folder, "index.html"),
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>client</title><link rel="icon" href="data:,">' +
    '<script src="client.js"></script></html>',
);
