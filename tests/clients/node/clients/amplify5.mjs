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

export async function tokens({ fresh } = {}) {
  const current = await Auth.currentAuthenticatedUser({ bypassCache: Boolean(fresh) });
  const session = await Auth.userSession(current);
  return {
    id: session.getIdToken().getJwtToken(),
    access: session.getAccessToken().getJwtToken(),
    refresh: session.getRefreshToken().getToken(),
  };
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
