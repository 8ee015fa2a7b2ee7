// Serves the example on loopback: builds src/ with esbuild, and tells the page where Poolhouse is.
//
// What the page needs to know (/config.json) is read from the note that `poolhouse up` leaves in its state folder, each
// time it is asked for, so that a restarted Poolhouse needs no restart here. PORT and POOLHOUSE_STATE change the defaults.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { context } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const state = path.resolve(process.env.POOLHOUSE_STATE ?? path.join(here, "../../.poolhouse"));
const port = Number(process.env.PORT ?? 5173);

const builder = await context({
  entryPoints: { app: path.join(here, "src/main.ts") },
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: "linked",
  write: false,
  outdir: "/",
  logLevel: "warning",
});

async function readConfig() {
  const note = JSON.parse(await readFile(path.join(state, "development.json"), "utf8"));
  const routes = note.apis.flatMap((api) => api.routes);
  return {
    endpoint: note.endpoint,
    gateway: note.gateway,
    poolId: note.pool_id,
    clientId: note.client_id,
    featureUrl: routes.find((route) => route.method === "GET" && route.url.endsWith("/val/foo"))?.url,
    inbox: note.inbox,
  };
}

async function configAnswer() {
  try {
    return { type: "application/json", body: JSON.stringify(await readConfig()) };
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return { status: 503, type: "application/json", body: JSON.stringify({ message: `Nothing is deployed in ${state}.` }) };
  }
}

async function built(name, type) {
  const { outputFiles } = await builder.rebuild();
  const file = outputFiles.find((output) => path.basename(output.path) === name);
  return { type, body: file.contents };
}

const fixed = (file, type) => async () => ({ type, body: await readFile(path.join(here, "public", file)) });

const pages = new Map([
  ["/", fixed("index.html", "text/html; charset=utf-8")],
  ["/app.css", fixed("app.css", "text/css; charset=utf-8")],
  ["/icon.svg", fixed("icon.svg", "image/svg+xml")],
  ["/app.js", () => built("app.js", "text/javascript; charset=utf-8")],
  ["/app.js.map", () => built("app.js.map", "application/json")],
  ["/config.json", configAnswer],
]);

// The page may talk to itself and to Poolhouse, and to nobody else.
async function contentSecurityPolicy() {
  const { endpoint, gateway } = await readConfig().catch(() => ({}));
  const connect = ["'self'", endpoint, gateway].filter(Boolean).join(" ");
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src ${connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

const server = createServer(async (request, response) => {
  const page = pages.get(new URL(request.url, "http://localhost").pathname);
  try {
    const { status = 200, type, body } = page ? await page() : { status: 404, type: "text/plain", body: "Not found\n" };
    response.writeHead(status, {
      "Content-Type": type,
      "Cache-Control": "no-store",
      "Content-Security-Policy": await contentSecurityPolicy(),
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    });
    response.end(body);
  } catch (error) {
    console.error(error.message);
    response.writeHead(500, { "Content-Type": "text/plain" }).end("The page could not be built; see the terminal.\n");
  }
});

server.on("error", (error) => {
  console.error(error.code === "EADDRINUSE" ? `Port ${port} is in use: PORT=5174 npm run dev` : error.message);
  process.exit(1);
});
server.listen(port, "127.0.0.1", () => console.log(`Open http://localhost:${server.address().port}`));

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    server.close();
    server.closeAllConnections();
    await builder.dispose();
    process.exit(0);
  });
}
