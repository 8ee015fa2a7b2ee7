// The example's way through its screens: sign in, new password, use it, sign out, be refused.

import { type Config, loadConfig } from "./config";
import { callFeature } from "./feature";
import { showPolicy } from "./policy";
import * as session from "./session";
import { show, type View } from "./view";

async function start(): Promise<void> {
  show("loading");
  try {
    const config = await loadConfig();
    session.configure(config);
    await ((await session.accessToken()) ? signedIn(config) : signIn(config));
  } catch (error) {
    const view = show("unavailable");
    view.slot("reason").textContent = words(error);
    view.onAction("retry", start);
  }
}

function signIn(config: Config): void {
  const view = show("sign-in");
  const email = view.input("email");
  const password = view.input("password");
  view.slot<HTMLAnchorElement>("inbox").href = config.inbox;
  view.onSubmit(async () => {
    view.settle();
    if (!email.value) return view.complain("Your email address is missing.", email);
    if (!password.value) return view.complain("Your password is missing.", password);
    try {
      const next = await session.begin(email.value.trim(), password.value);
      if (next === "new-password") newPassword(config, email.value);
      else await signedIn(config);
    } catch (error) {
      view.complain(words(error), named(error, "UserNotFoundException") ? email : password);
    }
  });
}

function newPassword(config: Config, email: string): void {
  const view = show("new-password");
  const password = view.input("password");
  const policy = view.one("#policy");
  view.input("email").value = email;
  showPolicy(policy, "");
  password.addEventListener("input", () => showPolicy(policy, password.value));
  view.onAction("start-over", () => signIn(config));
  view.onSubmit(async () => {
    view.settle();
    if (!password.value) return view.complain("Choose a password first.", password);
    try {
      await session.choosePassword(password.value);
      await signedIn(config);
    } catch (error) {
      view.complain(words(error), password);
    }
  });
}

async function signedIn(config: Config): Promise<void> {
  const email = await session.email();
  const view = show("signed-in");
  view.slot("email").textContent = email;
  // Kept on purpose, to show after the end that a token outlives its session and opens nothing.
  let token = (await session.accessToken()) ?? "";
  view.onAction("call", async () => {
    token = (await session.accessToken()) ?? token;
    await call(view, config, token);
  });
  view.onAction("sign-out", async () => {
    await session.end();
    signedOut(config, token);
  });
}

function signedOut(config: Config, oldToken: string): void {
  const view = show("signed-out");
  view.onAction("call", () => call(view, config, oldToken));
  view.onAction("start-over", () => signIn(config));
}

async function call(view: View, config: Config, token: string): Promise<void> {
  try {
    const { status, meaning, body } = await callFeature(config.featureUrl, token);
    view.slot("answer").dataset.kind = status < 400 ? "good" : "refused";
    view.fill("answer", "answer", { status: String(status), meaning, body });
  } catch {
    view.slot("answer").dataset.kind = "refused";
    view.fill("answer", "answer", { status: "—", meaning: `Nothing answered at ${config.featureUrl}.`, body: "" });
  }
}

const named = (error: unknown, name: string): boolean => error instanceof Error && error.name === name;

function words(error: unknown): string {
  if (named(error, "NetworkError")) return "Poolhouse does not answer.";
  return error instanceof Error ? error.message : String(error);
}

void start();
