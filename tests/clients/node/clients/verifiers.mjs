// The libraries that back ends check Cognito's tokens with.

import { CognitoJwtVerifier, JwtVerifier } from "aws-jwt-verify";
import { createRemoteJWKSet, jwtVerify } from "jose";
import jwt from "jsonwebtoken";
import { JwksClient } from "jwks-rsa";

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

// The usual pair: jwks-rsa finds the key, jsonwebtoken checks the token.
export function jsonwebtoken(token, { issuer, jwksUri, audience }) {
  const keys = new JwksClient({ jwksUri });
  const find = ({ kid }, done) => keys.getSigningKey(kid, (error, key) => done(error, key?.getPublicKey()));
  return new Promise((resolve, reject) => {
    const done = (error, claims) => (error ? reject(error) : resolve(claims));
    jwt.verify(token, find, { issuer, audience, algorithms: ["RS256"] }, done);
  });
}
