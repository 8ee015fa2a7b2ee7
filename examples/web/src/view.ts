// Puts a <template> of index.html on the page and finds what is in it. Knows no screen by name.

export type Step = "loading" | "unavailable" | "sign-in" | "new-password" | "signed-in" | "signed-out";

const place = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
};

/** Show a screen; its heading takes the focus, so that a screen reader says where one is. */
export function show(step: Step): View {
  const screen = place("screen");
  screen.replaceChildren(instance(step));
  const order = ["sign-in", "new-password", "signed-in", "signed-out"];
  for (const item of place("trail").querySelectorAll<HTMLElement>("[data-step]")) {
    const own = order.indexOf(item.dataset.step ?? "");
    item.dataset.state = own < order.indexOf(step) ? "done" : own === order.indexOf(step) ? "now" : "ahead";
    if (item.dataset.state === "now") item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
  const heading = screen.querySelector("h1");
  if (heading) {
    document.title = `${heading.textContent} · Poolhouse example`;
    heading.tabIndex = -1;
    heading.focus();
  }
  return new View(screen);
}

function instance(id: string): DocumentFragment {
  return (place(id) as HTMLTemplateElement).content.cloneNode(true) as DocumentFragment;
}

export class View {
  constructor(private readonly root: HTMLElement | DocumentFragment) {
    for (const button of root.querySelectorAll<HTMLButtonElement>("[data-reveal]")) wireReveal(root, button);
  }

  one<T extends HTMLElement = HTMLElement>(selector: string): T {
    const found = this.root.querySelector<T>(selector);
    if (!found) throw new Error(`the screen has no ${selector}`);
    return found;
  }

  slot<T extends HTMLElement = HTMLElement>(name: string): T {
    return this.one<T>(`[data-slot="${name}"]`);
  }

  input(name: string): HTMLInputElement {
    return this.one<HTMLInputElement>(`input[name="${name}"]`);
  }

  onAction(name: string, act: () => Promise<void> | void): void {
    const button = this.one<HTMLButtonElement>(`[data-action="${name}"]`);
    button.addEventListener("click", () => void busy(button, act));
  }

  onSubmit(act: () => Promise<void>): void {
    const form = this.one<HTMLFormElement>("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void busy(this.one<HTMLButtonElement>('button[type="submit"]'), act);
    });
  }

  /** Say what is wrong and put the cursor where it can be put right. */
  complain(text: string, field: HTMLInputElement): void {
    this.slot("problem").textContent = text;
    field.setAttribute("aria-invalid", "true");
    field.focus();
    field.select();
  }

  settle(): void {
    this.slot("problem").textContent = "";
    for (const field of this.root.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  }

  fill(name: string, templateId: string, values: Record<string, string>): void {
    const content = instance(templateId);
    const filled = new View(content);
    for (const [key, value] of Object.entries(values)) filled.slot(key).textContent = value;
    this.slot(name).replaceChildren(content);
  }
}

/** While `act` runs the button says so and cannot be pressed again; it keeps the focus. */
async function busy(button: HTMLButtonElement, act: () => Promise<void> | void): Promise<void> {
  if (button.getAttribute("aria-disabled") === "true") return;
  const label = button.textContent;
  button.setAttribute("aria-disabled", "true");
  if (button.dataset.busy) button.textContent = button.dataset.busy;
  try {
    await act();
  } finally {
    button.removeAttribute("aria-disabled");
    button.textContent = label;
  }
}

function wireReveal(root: HTMLElement | DocumentFragment, button: HTMLButtonElement): void {
  const field = root.querySelector<HTMLInputElement>(`#${button.dataset.reveal}`);
  if (!field) return;
  button.setAttribute("aria-label", "Show password");
  button.addEventListener("click", () => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!shown));
  });
}
