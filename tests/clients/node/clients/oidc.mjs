// OpenID Connect clients for servers. The token endpoint is another than the one in the discovered document: the hook
// that each library has for its HTTP calls leads there.

import { Auth, customFetch, skipCSRFCheck } from "@auth/core";
import Cognito from "@auth/core/providers/cognito";
import * as openid from "openid-client";

const leadingTo = (tokenEndpoint) => (url, init) =>
  fetch(String(url).endsWith("/token") ? tokenEndpoint : url, init);

function discovered(issuer, clientId, tokenEndpoint) {
  return openid.discovery(new URL(issuer), clientId, undefined, openid.None(), {
    // Non-repudiation: the ID token's signature is checked too, although it came straight from the endpoint.
    execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks],
    [openid.customFetch]: leadingTo(tokenEndpoint),
  });
}

export async function discover(issuer, clientId) {
  return (await discovered(issuer, clientId)).serverMetadata();
}

// openid-client's own validation of an ID token.
export async function openidClient({ issuer, clientId, tokenEndpoint, refreshToken }) {
  const configuration = await discovered(issuer, clientId, tokenEndpoint);
  return (await openid.refreshTokenGrant(configuration, refreshToken)).claims();
}

// Auth.js, as a framework's adapter calls it: a browser begins to sign in, and comes back with a code.
export async function authJs({ issuer, clientId, tokenEndpoint, code }) {
  const complaints = [];
  const config = {
    basePath: "/auth",
    providers: [Cognito({ clientId, clientSecret: "unused", issuer, [customFetch]: leadingTo(tokenEndpoint) })],
    secret: "a secret of the application's own",
    trustHost: true,
    skipCSRFCheck,
    logger: { error: (error) => complaints.push(String(error.cause?.err ?? error)) },
  };
  const site = "http://localhost:3999";
  const begun = await Auth(new Request(`${site}/auth/signin/cognito`, { method: "POST" }), config);
  const authorize = new URL(begun.headers.get("location"));
  const state = authorize.searchParams.get("state");
  const back = `${site}/auth/callback/cognito?${new URLSearchParams({ code, ...(state ? { state } : {}) })}`;
  const ended = await Auth(new Request(back, { headers: { cookie: cookiesOf(begun) } }), config);
  const session = await Auth(new Request(`${site}/auth/session`, { headers: { cookie: cookiesOf(ended) } }), config);
  return { authorize: authorize.origin + authorize.pathname, complaints, user: (await session.json())?.user ?? null };
}

const cookiesOf = (answer) =>
  answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0])
    .join("; ");
