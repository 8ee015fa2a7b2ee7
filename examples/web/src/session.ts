// Signing in and out, by Amplify. Nothing here is Poolhouse's own but the endpoint.

import { Amplify } from "aws-amplify";
import { confirmSignIn, fetchAuthSession, fetchUserAttributes, signIn, signOut } from "aws-amplify/auth";
import type { Config } from "./config";

export function configure({ poolId, clientId, endpoint }: Config): void {
  Amplify.configure({
    Auth: { Cognito: { userPoolId: poolId, userPoolClientId: clientId, userPoolEndpoint: endpoint } },
  });
}

export type Next = "signed-in" | "new-password";

/** Raises what Amplify raises: an error whose name is the service's. */
export async function begin(email: string, password: string): Promise<Next> {
  // A person who signs in again, in another tab for instance, is no mistake.
  if (await accessToken()) await signOut();
  const { nextStep } = await signIn({ username: email, password });
  return next(nextStep.signInStep);
}

export async function choosePassword(password: string): Promise<Next> {
  const { nextStep } = await confirmSignIn({ challengeResponse: password });
  return next(nextStep.signInStep);
}

function next(step: string): Next {
  if (step === "DONE") return "signed-in";
  if (step === "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED") return "new-password";
  throw new Error(`This example does not know the step ${step}.`);
}

/** The access token of the session, renewed if need be; nothing when nobody is signed in. */
export async function accessToken(): Promise<string | undefined> {
  const { tokens } = await fetchAuthSession();
  return tokens?.accessToken.toString();
}

export const email = async (): Promise<string> => (await fetchUserAttributes()).email ?? "";

export const end = (): Promise<void> => signOut();
