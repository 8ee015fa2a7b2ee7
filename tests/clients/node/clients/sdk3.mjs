// AWS SDK for JavaScript v3. Its credential provider counts how often it is asked: public operations must not ask.

import * as sdk from "@aws-sdk/client-cognito-identity-provider";

let client;
let asked = 0;

export function configure({ endpoint, credentials }) {
  client = new sdk.CognitoIdentityProviderClient({
    endpoint,
    region: "eu-west-1",
    maxAttempts: 1,
    credentials: async () => {
      asked += 1;
      if (!credentials) throw new Error("this application has no credentials");
      return credentials;
    },
  });
}

export async function send(operation, input) {
  const { $metadata, ...output } = await client.send(new sdk[`${operation}Command`](input));
  return { output, requestId: $metadata.requestId };
}

export async function page(operation, input) {
  const pages = [];
  for await (const { $metadata, ...output } of sdk[`paginate${operation}`]({ client }, input)) pages.push(output);
  return pages;
}

export const credentialRequests = () => asked;
