// The seed's own code for Amplify 5. Between the two marks it stands as it was written; only what was a constant there
// (pool, client, user and passwords) is a parameter, and `endpoint` is added.

import { Auth } from "@aws-amplify/auth";

export { callApi } from "./gateway.mjs";

export function configure({ userPoolId, userPoolWebClientId, endpoint }) {
  Auth.configure({
    Auth: {
      userPoolId,
      userPoolWebClientId,
      region: 'eu-west-1',
      endpoint,
    }
  })
}

let cognitoUser;

export async function signIn(user, pass, newPass) {
  cognitoUser = await (async () => {
    // as written: from here
    const cognitoUser = await Auth.signIn(user, pass)
      .then(user => {
        if (user.challengeName === 'NEW_PASSWORD_REQUIRED') {
          Auth.completeNewPassword(
            user,
            newPass,
          ).then(user => {
            return user
          })
        }
        return user
      })
    // to here
    return cognitoUser;
  })();
  return { username: cognitoUser.username, challenge: cognitoUser.challengeName ?? null };
}

// The seed waits neither for the new password to be taken nor for its refusal, which nothing there handles.
async function until(condition) {
  for (let waited = 0; waited < 20_000 && !condition(); waited += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return condition();
}

export const settled = () => until(() => cognitoUser.getSignInUserSession() !== null);

export async function rejection() {
  await until(() => globalThis.unhandledRejections.length > 0);
  return globalThis.unhandledRejections.shift();
}

export async function tokens() {
  const session = await Auth.currentSession();
  return {
    id: session.getIdToken().getJwtToken(),
    access: session.getAccessToken().getJwtToken(),
    refresh: session.getRefreshToken().getToken(),
  };
}

export async function signOut() {
  await Auth.signOut();
}
