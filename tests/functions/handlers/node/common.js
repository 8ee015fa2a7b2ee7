// CommonJS handlers: callback, context.done and promise styles.
exports.echo = async (event, context) => {
  console.log("a line of\nNode");
  return {
    event,
    request_id: context.awsRequestId,
    arn: context.invokedFunctionArn,
    remaining: context.getRemainingTimeInMillis() / 1000,
    identity: context.identity?.cognitoIdentityId ?? null,
    pid: process.pid,
  };
};
exports.callback = (event, context, callback) => {
  setTimeout(() => callback(null, { style: "callback" }), 5);
};
exports.callbackError = (event, context, callback) => callback(new TypeError("as ordered"));
exports.callbackWaits = (event, context, callback) => {
  callback(null, "answered");
  setTimeout(() => console.log("the loop was not empty yet"), 30);
};
exports.callbackDoesNotWait = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setInterval(() => undefined, 1000);
  callback(null, "answered");
};
exports.contextDone = (event, context) => context.done(null, "done");
exports.succeedWithOpenLoop = (event, context) => {
  setInterval(() => undefined, 1000);
  context.succeed("at once");
};
exports.asyncSucceeds = async (event, context) => {
  context.succeed("by the context");
  return "by the promise";
};
exports.asyncCallsBack = async (event, context, callback) => {
  callback(null, "by the callback");
  callback(null, "again");
};
exports.failWithNothing = (event, context) => context.fail();
exports.nothing = () => 5;
exports.fail = async () => {
  throw new RangeError("as ordered");
};
exports.failWithText = async () => {
  throw "only text";
};
exports.throwNow = () => {
  throw new RangeError("as ordered");
};
exports.circular = async () => {
  const ring = {};
  ring.ring = ring;
  return ring;
};
exports.notAwaited = async () => {
  Promise.reject(new Error("nobody awaits"));
  await new Promise((resolve) => setTimeout(resolve, 10_000));
};
exports.throwLater = async () => {
  setTimeout(() => {
    throw new Error("out of the blue");
  }, 1);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
};
exports.exit = async (event) => process.exit(event.code);
exports.hoard = async () => {
  const kept = [];
  for (;;) {
    kept.push(Buffer.alloc(8 << 20, 1));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};
exports.nested = { deep: { handler: async () => "nested" } };
exports.notAFunction = 5;
