// Chromium: opens pages, calls the client in them (page.mjs), and does what a person does with an application.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let browser;
let context;
let page;
let complaints = [];

export async function launch(executablePath, flags = []) {
  browser = await chromium.launch({ executablePath, headless: true, args: [...FLAGS, ...flags] });
  return browser.version();
}

// A page that shares nothing with the one before.
export async function open(url, options = {}) {
  await context?.close();
  context = await browser.newContext(options);
  page = await context.newPage();
  complaints = [];
  page.on("pageerror", (error) => complaints.push(`${error.name}: ${error.message}`));
  await page.goto(url);
}

export const reload = async () => void (await page.reload());

// A call of the client in the page; the outcome is {value} or {error}, which the caller tells apart.
export const call = (name, args) => page.evaluate(([n, a]) => window.client.call(n, a), [name, args]);

export const fill = (label, value) => page.getByLabel(label, { exact: true }).fill(value);
export const click = (role, name) => page.getByRole(role, { name, exact: true }).click();
export const press = (key) => page.keyboard.press(key);
export const type = (text) => page.keyboard.type(text);

// The name of what has the focus, as a person reads it.
export const focused = () =>
  page.evaluate(() => {
    const focus = document.activeElement;
    return (focus?.labels?.[0] ?? focus)?.textContent?.trim() ?? "";
  });

// The text of the first thing with a role, when it holds `text`.
export async function expectText(role, text) {
  const place = page.getByRole(role).filter({ hasText: text });
  await place.first().waitFor({ state: "visible", timeout: 15_000 });
  return place.first().innerText();
}

export const expectHeading = (name) => page.getByRole("heading", { name, exact: true }).waitFor({ timeout: 15_000 });

export async function resize(width, height, colorScheme) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
}

// Whether something is wider than the window, so that a person would have to scroll sideways.
export const overflows = () =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

// What axe finds wrong with the page as it stands now, framed mails aside: those are not ours.
export async function violations() {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run({ exclude: ["iframe"] }, { iframes: false }));
  return found.violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help}: ${target}`));
}

export const title = () => page.title();
export const count = (selector) => page.locator(selector).count();

// The text of the first framed mail, once it is there.
export const framedText = () => page.frameLocator("iframe").first().locator("body").innerText();

// Follow a link in the first framed mail, or press a button there, as far as the frame lets anybody.
export const clickInFrame = (selector) => page.frameLocator("iframe").first().locator(selector).click();

// A script of ours still runs by the driver's door; the page's own do not.
export async function openWithoutScripts(url) {
  await open("about:blank", { javaScriptEnabled: false });
  await page.goto(url);
}

export const allowClipboard = () => context.grantPermissions(["clipboard-read", "clipboard-write"]);
export const clipboard = () => page.evaluate(() => navigator.clipboard.readText());

export const screenshot = (file) => page.screenshot({ path: file, fullPage: true });
export const complaintsSoFar = () => complaints.splice(0);

export async function close() {
  await browser?.close();
}
