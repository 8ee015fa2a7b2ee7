// Drives one client: reads calls as JSON lines, runs the named export of a module under clients/, writes what came back.

import { createInterface } from "node:readline";
import { describe } from "./describe.mjs";

// Standard output carries answers alone; what a library has to say goes to standard error.
console.log = console.info = console.debug = console.warn = console.error;

globalThis.unhandledRejections = [];
process.on("unhandledRejection", (reason) => globalThis.unhandledRejections.push(describe(reason)));

const client = await import(`./clients/${process.argv[2]}.mjs`);

async function answer(line) {
  const { id, name, args } = JSON.parse(line);
  let outcome;
  try {
    outcome = { id, value: (await client[name](...args)) ?? null };
  } catch (error) {
    outcome = { id, error: describe(error) };
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  await answer(line);
}
await client.close?.();
process.exit(0);
