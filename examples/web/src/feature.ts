// The guarded feature behind the API gateway.

export interface Answer {
  status: number;
  meaning: string;
  body: string;
}

/** The answer, whatever it is. Raises TypeError when there is none (fetch's own). */
export async function callFeature(url: string, token: string): Promise<Answer> {
  const answer = await fetch(url, { headers: { Authorization: token } });
  return { status: answer.status, meaning: meaning(answer.status), body: readable(await answer.text()) };
}

function meaning(status: number): string {
  if (status === 200) return "The gateway let you through, and the function answered.";
  if (status === 401) return "The gateway refused: this session is over.";
  return "Something else went wrong.";
}

function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
