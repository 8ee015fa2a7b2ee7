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

export async function signUp(username, password, userAttributes) {
  const { nextStep } = await auth.signUp({ username, password, options: { userAttributes } });
  return { step: nextStep.signUpStep, delivery: nextStep.codeDeliveryDetails ?? null };
}

export async function confirmSignUp(username, confirmationCode) {
  return (await auth.confirmSignUp({ username, confirmationCode })).nextStep.signUpStep;
}

export const resendSignUpCode = (username) => auth.resendSignUpCode({ username });
export const resetPassword = async (username) => (await auth.resetPassword({ username })).nextStep.resetPasswordStep;

export function confirmResetPassword(username, confirmationCode, newPassword) {
  return auth.confirmResetPassword({ username, confirmationCode, newPassword });
}

export const updateAttributes = (userAttributes) => auth.updateUserAttributes({ userAttributes });
export const deleteAttributes = (userAttributeKeys) => auth.deleteUserAttributes({ userAttributeKeys });
export const sendAttributeCode = (userAttributeKey) => auth.sendUserAttributeVerificationCode({ userAttributeKey });

export function confirmAttribute(userAttributeKey, confirmationCode) {
  return auth.confirmUserAttribute({ userAttributeKey, confirmationCode });
}
