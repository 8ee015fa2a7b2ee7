// A call of a guarded API, as an application makes it: with fetch, the token in the Authorization header.

export async function callApi(url, token) {
  const answer = await fetch(url, token ? { headers: { Authorization: token } } : {});
  return { status: answer.status, body: await answer.text() };
}
