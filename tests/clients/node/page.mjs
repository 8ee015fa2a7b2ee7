// Puts a client into a page: the driver in browser.mjs calls its exports through `window.client`.

import * as client from "client-under-test";
import { describe } from "./describe.mjs";

window.unhandledRejections = [];
window.addEventListener("unhandledrejection", (event) => {
  window.unhandledRejections.push(describe(event.reason));
  event.preventDefault();
});

window.client = {
  async call(name, args) {
    try {
      return { value: (await client[name](...args)) ?? null };
    } catch (error) {
      return { error: describe(error) };
    }
  },
};
