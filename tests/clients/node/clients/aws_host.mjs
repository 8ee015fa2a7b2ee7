// Verifiers as they are written for Cognito at AWS: nothing here names another endpoint or another key.

import https from "node:https";
import { CognitoJwtVerifier } from "aws-jwt-verify";
import CognitoExpress from "cognito-express";
import express from "express";
import { HttpsProxyAgent } from "https-proxy-agent";

// What a process behind a company's proxy does: Node.js 20 itself does not look at the variable.
https.globalAgent = new HttpsProxyAgent(process.env.HTTPS_PROXY);

export const cognitoJwtVerifier = (token, { userPoolId, clientId, tokenUse }) =>
  CognitoJwtVerifier.create({ userPoolId, clientId, tokenUse }).verify(token);

// An Express application guarded as cognito-express's guide guards it: what its page answers to each token.
export async function cognitoExpress(tokens, { region, cognitoUserPoolId, tokenUse }) {
  const guard = new CognitoExpress({ region, cognitoUserPoolId, tokenUse });
  const app = express();
  app.use((request, response, next) => {
    guard.validate(request.headers.authorization, (error, user) => {
      if (error) return response.status(401).send(error.message);
      response.locals.user = user;
      next();
    });
  });
  app.get("/", (request, response) => response.send(response.locals.user.sub));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const answers = [];
    for (const authorization of tokens) {
      const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: { authorization } });
      answers.push([answer.status, await answer.text()]);
    }
    return answers;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
