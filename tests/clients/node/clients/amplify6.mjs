// aws-amplify 6, as its guide uses it.

import { Amplify } from "aws-amplify";
import * as auth from "aws-amplify/auth";

export { callApi } from "./gateway.mjs";

export function configure({ userPoolId, userPoolClientId, userPoolEndpoint }) {
  Amplify.configure({ Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint } } });
}

export async function signIn(username, password, authFlowType) {
  const options = authFlowType ? { authFlowType } : undefined;
  const { isSignedIn, nextStep } = await auth.signIn({ username, password, options });
  return { isSignedIn, step: nextStep.signInStep, missing: nextStep.missingAttributes ?? null };
}

export async function confirmSignIn(challengeResponse) {
  const { isSignedIn, nextStep } = await auth.confirmSignIn({ challengeResponse });
  return { isSignedIn, step: nextStep.signInStep };
}

export async function tokens({ fresh } = {}) {
  const { tokens } = await auth.fetchAuthSession({ forceRefresh: Boolean(fresh) });
  return tokens ? { id: tokens.idToken.toString(), access: tokens.accessToken.toString() } : null;
}

export const currentUser = () => auth.getCurrentUser();
export const attributes = () => auth.fetchUserAttributes();
export const changePassword = (oldPassword, newPassword) => auth.updatePassword({ oldPassword, newPassword });
export const signOut = ({ global }) => auth.signOut({ global });
