// The password policy of the example's template, shown while somebody types. The service has the last word.

const RULES: Record<string, (password: string) => boolean> = {
  length: (password) => password.length >= 6,
  upper: (password) => /[A-Z]/.test(password),
  lower: (password) => /[a-z]/.test(password),
  number: (password) => /[0-9]/.test(password),
  symbol: (password) => /[\^$*.[\]{}()?"!@#%&/\\,><':;|_~`=+\- ]/.test(password),
};

/** Mark each rule in `list` as met or not. */
export function showPolicy(list: HTMLElement, password: string): void {
  for (const item of list.querySelectorAll<HTMLElement>("[data-rule]")) {
    const met = RULES[item.dataset.rule ?? ""]?.(password) ?? false;
    item.dataset.met = String(met);
    item.setAttribute("aria-label", `${item.textContent}: ${met ? "met" : "not yet"}`);
  }
}
