// Where Poolhouse is and what is deployed there, as serve.mjs found it.

export interface Config {
  endpoint: string;
  poolId: string;
  clientId: string;
  featureUrl: string;
  inbox: string;
}

/** Raises Error with a text for people. */
export async function loadConfig(): Promise<Config> {
  const answer = await fetch("/config.json");
  const content = (await answer.json()) as Partial<Config> & { message?: string };
  if (!answer.ok) throw new Error(content.message ?? `The page’s own server answered ${answer.status}.`);
  const { endpoint, poolId, clientId, featureUrl, inbox } = content;
  if (!endpoint || !poolId || !clientId || !featureUrl || !inbox) {
    throw new Error("What is deployed there has no user pool, no client or no GET /val/foo.");
  }
  const alive = await fetch(`${endpoint}/healthz`, { mode: "no-cors" }).catch(() => undefined);
  if (!alive) throw new Error(`Nothing answers at ${endpoint}.`);
  return { endpoint, poolId, clientId, featureUrl, inbox };
}
