// bar: greets whoever the gateway let through.

export const handler = async (event) => {
  const { claims } = event.requestContext.authorizer;
  // An ID token carries the e-mail address; an access token only knows the user's name and id.
  const name = claims.email ?? claims.username ?? claims.sub;
  console.log(`bar called by ${claims.sub}`);
  return {
    statusCode: 200,
    headers: { "Content-Type": "application/json", "Access-Control-Allow-Origin": "*" },
    body: JSON.stringify({ feature: "bar", message: `Hello ${name}, this is Node.js.`, sub: claims.sub }),
  };
};
