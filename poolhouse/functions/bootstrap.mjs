// The Node.js side of the Lambda Runtime API: loads the handler, polls for events, answers.
// Owns handler styles, the error shape and the log format; needs nothing but Node itself.

import { existsSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const env = process.env;
const [host, port] = splitAddress(env.AWS_LAMBDA_RUNTIME_API);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const BASE = "/2018-06-01/runtime";
const EXIT_UNHANDLED_REJECTION = 128;
const EXIT_UNCAUGHT_EXCEPTION = 129;

let currentRequestId;

function splitAddress(address) {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}

// ---- the Runtime API

function request(method, urlPath, body, headers) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ host, port, method, path: BASE + urlPath, agent, headers }, (incoming) => {
      const chunks = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("end", () => resolve({ status: incoming.statusCode, headers: incoming.headers, body: Buffer.concat(chunks) }));
      incoming.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function post(urlPath, text, extraHeaders = {}) {
  const body = Buffer.from(text);
  return request("POST", urlPath, body, {
    "Content-Type": "application/json",
    "Content-Length": body.length,
    ...extraHeaders,
  });
}

function postError(urlPath, described) {
  return post(urlPath, JSON.stringify(described), { "Lambda-Runtime-Function-Error-Type": headerSafe(described.errorType) });
}

function headerSafe(text) {
  return String(text).replace(/[^\x20-\x7e]/g, "?").slice(0, 256);
}

// ---- errors

class BootstrapError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

function describe(error) {
  if (error instanceof Error || (error && typeof error.message === "string" && typeof error.name === "string")) {
    return { errorType: error.name, errorMessage: error.message, trace: String(error.stack ?? "").split("\n") };
  }
  return { errorType: typeof error, errorMessage: asText(error), trace: [] };
}

function asText(value) {
  try {
    return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

// ---- log: one event is one line, so line breaks inside are carriage returns

function writeLog(level, args, format) {
  const text = format(...args).replace(/\n/g, "\r");
  process.stdout.write(`${new Date().toISOString()}\t${currentRequestId ?? "undefined"}\t${level}\t${text}\n`);
}

async function dressConsole() {
  const { format } = await import("node:util");
  const levels = { trace: "TRACE", debug: "DEBUG", info: "INFO", log: "INFO", warn: "WARN", error: "ERROR" };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...args) => writeLog(level, args, format);
  }
}

function logFailure(kind, described) {
  console.error(`${kind} `, JSON.stringify({ ...described, stack: described.trace }));
}

// ---- the handler

async function loadHandler(taskRoot, name) {
  const file = path.basename(name);
  const dot = file.indexOf(".");
  if (dot < 1 || dot === file.length - 1) {
    throw new BootstrapError("Runtime.MalformedHandlerName", `Bad handler '${name}': expected file.function`);
  }
  const stem = path.resolve(taskRoot, path.dirname(name), file.slice(0, dot));
  const exports = await importModule(stem, path.join(path.dirname(name), file.slice(0, dot)));
  const handler = pick(exports, file.slice(dot + 1).split("."));
  if (typeof handler !== "function") {
    const problem = handler === undefined ? "undefined or not exported" : "not a function";
    throw new BootstrapError("Runtime.HandlerNotFound", `${name} is ${problem}`);
  }
  return handler;
}

async function importModule(stem, shown) {
  const found = ["", ".js", ".mjs", ".cjs"].map((ending) => stem + ending).find((candidate) => existsSync(candidate));
  if (!found) {
    throw new BootstrapError("Runtime.ImportModuleError", `Error: Cannot find module '${shown}'`);
  }
  try {
    return await import(pathToFileURL(found).href);
  } catch (error) {
    throw asImportError(error);
  }
}

function asImportError(error) {
  if (error instanceof SyntaxError) {
    return named("Runtime.UserCodeSyntaxError", error);
  }
  if (error && (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND")) {
    return named("Runtime.ImportModuleError", error);
  }
  return error;
}

function named(name, error) {
  const wrapped = new BootstrapError(name, `${error.name}: ${error.message}`);
  wrapped.stack = error.stack;
  return wrapped;
}

// CommonJS exports that Node cannot see beforehand are only on the default export.
function pick(exports, names) {
  for (const root of [exports, exports.default]) {
    const value = names.reduce((object, name) => object?.[name], root);
    if (value !== undefined) {
      return value;
    }
  }
  return undefined;
}

// ---- one invocation

function makeContext(headers, done) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done,
    succeed: (result) => done(null, result),
    fail: (error) => done(error ?? "handled"),
  };
  if (headers["lambda-runtime-client-context"]) {
    context.clientContext = JSON.parse(headers["lambda-runtime-client-context"]);
  }
  if (headers["lambda-runtime-cognito-identity"]) {
    context.identity = JSON.parse(headers["lambda-runtime-cognito-identity"]);
  }
  return context;
}

// Resolves with the result whatever the style: promise, callback, context.done; of several the first counts.
// A callback's result waits for an empty event loop unless the handler switched that off; the others end the
// call at once, whatever still runs. A handler that simply ends gives null.
function callHandler(handler, event, headers) {
  return new Promise((resolve, reject) => {
    let settled = false;
    const first = (act) => (error, result) => {
      if (!settled) {
        settled = true;
        act(error, result);
      }
    };
    const conclude = (error, result) => {
      process.removeListener("beforeExit", onEmptyLoop);
      if (error !== null && error !== undefined) {
        reject(error);
      } else {
        resolve(result);
      }
    };
    let outcome = [null, null];
    const onEmptyLoop = () => conclude(...outcome);
    const callback = first((error, result) => {
      outcome = [error, result];
      if (error || !context.callbackWaitsForEmptyEventLoop) {
        setImmediate(onEmptyLoop);
      }
    });
    const context = makeContext(headers, first(conclude));
    process.once("beforeExit", onEmptyLoop);
    try {
      const returned = handler(event, context, callback);
      if (returned && typeof returned.then === "function") {
        returned.then(context.succeed, context.fail);
      }
    } catch (error) {
      conclude(error ?? new Error(String(error)));
    }
  });
}

function serialize(result) {
  try {
    return JSON.stringify(result ?? null) ?? "null";
  } catch (error) {
    throw new BootstrapError("Runtime.MarshalError", `Unable to stringify response body: ${error.message}`);
  }
}

async function serveOne(handler) {
  const { status, headers, body } = await request("GET", "/invocation/next");
  if (status !== 200) {
    throw new Error(`the Runtime API answered ${status} to a request for the next event`);
  }
  const requestId = headers["lambda-runtime-aws-request-id"];
  currentRequestId = requestId;
  env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
  let text;
  try {
    text = serialize(await callHandler(handler, JSON.parse(body), headers));
  } catch (error) {
    const described = describe(error);
    logFailure("Invoke Error", described);
    await postError(`/invocation/${requestId}/error`, described);
    return;
  }
  await post(`/invocation/${requestId}/response`, text);
}

// ---- failures outside a handler's own promise

async function dieOf(described, kind, code) {
  logFailure(kind, described);
  const place = currentRequestId === undefined ? "/init/error" : `/invocation/${currentRequestId}/error`;
  await postError(place, described).catch(() => undefined);
  process.exit(code);
}

function watchProcess() {
  process.on("uncaughtException", (error) => dieOf(describe(error), "Uncaught Exception", EXIT_UNCAUGHT_EXCEPTION));
  process.on("unhandledRejection", (reason) => {
    const cause = describe(reason);
    const described = {
      errorType: "Runtime.UnhandledPromiseRejection",
      errorMessage: reason instanceof Error ? String(reason) : asText(reason),
      reason: cause,
      trace: cause.trace,
    };
    dieOf(described, "Unhandled Promise Rejection", EXIT_UNHANDLED_REJECTION);
  });
}

async function main() {
  await dressConsole();
  watchProcess();
  let handler;
  try {
    handler = await loadHandler(env.LAMBDA_TASK_ROOT, env._HANDLER);
  } catch (error) {
    await dieOf(describe(error), "Init Error", 1);
    return;
  }
  for (;;) {
    await serveOne(handler);
  }
}

main().catch((error) => {
  console.error(String(error?.stack ?? error));
  process.exit(1);
});
