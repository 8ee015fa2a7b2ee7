// The libraries that back ends check Cognito's tokens with.

import { CognitoJwtVerifier, JwtVerifier } from "aws-jwt-verify";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as openid from "openid-client";

// Fetches the keys itself, which it does over TLS alone.
export function awsJwtVerifier(token, { issuer, jwksUri, clientId }) {
  return JwtVerifier.create({ issuer, jwksUri, audience: clientId }).verify(token);
}

// Computes AWS's own issuer from the pool's id; the keys are given to it.
export async function cognitoJwtVerifier(token, { userPoolId, clientId, tokenUse, jwksUrl }) {
  const verifier = CognitoJwtVerifier.create({ userPoolId, clientId, tokenUse });
  verifier.cacheJwks(await (await fetch(jwksUrl)).json());
  return verifier.verify(token);
}

export async function jose(token, { issuer, jwksUrl, audience }) {
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUrl)), {
    issuer,
    audience,
    algorithms: ["RS256"],
  });
  return payload;
}

export async function discover(issuer, clientId) {
  const options = { execute: [openid.allowInsecureRequests] };
  const configuration = await openid.discovery(new URL(issuer), clientId, undefined, undefined, options);
  return configuration.serverMetadata();
}
