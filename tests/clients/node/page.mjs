// Puts a client into a page: the driver in browser.mjs calls its exports through `window.client`.

import * as client from "client-under-test";
import { describe } from "./describe.mjs";

const unhandled = [];
window.addEventListener("unhandledrejection", (event) => {
  unhandled.push(describe(event.reason));
  event.preventDefault();
});

window.client = {
  async call(name, args) {
    try {
      const value = name === "unhandled" ? unhandled.splice(0) : await client[name](...args);
      return { value: value ?? null };
    } catch (error) {
      return { error: describe(error) };
    }
  },
};
