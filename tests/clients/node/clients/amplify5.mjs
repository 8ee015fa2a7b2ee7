// @aws-amplify/auth 5, as its guide uses it.

import { Auth } from "@aws-amplify/auth";

export { callApi } from "./gateway.mjs";

let user;

export function configure({ userPoolId, userPoolWebClientId, endpoint, authenticationFlowType }) {
  Auth.configure({
    Auth: { userPoolId, userPoolWebClientId, region: "eu-west-1", endpoint, authenticationFlowType },
  });
}

export async function signIn(username, password) {
  user = await Auth.signIn(username, password);
  return {
    challenge: user.challengeName ?? null,
    requiredAttributes: user.challengeParam?.requiredAttributes ?? null,
    userAttributes: user.challengeParam?.userAttributes ?? null,
  };
}

export async function completeNewPassword(password, attributes) {
  user = await Auth.completeNewPassword(user, password, attributes);
  return { challenge: user.challengeName ?? null };
}

function read(session) {
  return {
    id: session.getIdToken().getJwtToken(),
    access: session.getAccessToken().getJwtToken(),
    refresh: session.getRefreshToken().getToken(),
  };
}

export const tokens = async () => read(await Auth.currentSession());

// What Amplify 5 does by itself when the access token has run out.
export async function refresh() {
  const current = await Auth.currentAuthenticatedUser();
  const token = (await Auth.currentSession()).getRefreshToken();
  return new Promise((resolve, reject) =>
    current.refreshSession(token, (error, session) => (error ? reject(error) : resolve(read(session)))),
  );
}

export async function attributes() {
  const current = await Auth.currentAuthenticatedUser();
  return Object.fromEntries((await Auth.userAttributes(current)).map(({ Name, Value }) => [Name, Value]));
}

export async function changePassword(before, after) {
  return Auth.changePassword(await Auth.currentAuthenticatedUser(), before, after);
}

export async function signOut({ global }) {
  await Auth.signOut({ global });
}
