// amazon-cognito-identity-js 6, its callbacks as promises.

import { AuthenticationDetails, CognitoUser, CognitoUserPool } from "amazon-cognito-identity-js";

export { callApi } from "./gateway.mjs";

let pool;
let user;

export function configure({ userPoolId, clientId, endpoint }) {
  pool = new CognitoUserPool({ UserPoolId: userPoolId, ClientId: clientId, endpoint });
}

function outcome(resolve, reject) {
  return {
    onSuccess: (session) => resolve({ challenge: null, tokens: read(session) }),
    onFailure: reject,
    newPasswordRequired: (userAttributes, requiredAttributes) =>
      resolve({ challenge: "NEW_PASSWORD_REQUIRED", userAttributes, requiredAttributes }),
  };
}

function read(session) {
  return {
    id: session.getIdToken().getJwtToken(),
    access: session.getAccessToken().getJwtToken(),
    refresh: session.getRefreshToken().getToken(),
  };
}

function promised(run) {
  return new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))));
}

export function signIn(username, password, flow = "USER_SRP_AUTH") {
  user = new CognitoUser({ Username: username, Pool: pool });
  user.setAuthenticationFlowType(flow);
  const details = new AuthenticationDetails({ Username: username, Password: password });
  return new Promise((resolve, reject) => user.authenticateUser(details, outcome(resolve, reject)));
}

export function completeNewPassword(password, attributes) {
  return new Promise((resolve, reject) =>
    user.completeNewPasswordChallenge(password, attributes, outcome(resolve, reject)),
  );
}

export async function refresh() {
  const session = await promised((done) => user.getSession(done));
  return read(await promised((done) => user.refreshSession(session.getRefreshToken(), done)));
}

export async function attributes() {
  const list = await promised((done) => user.getUserAttributes(done));
  return Object.fromEntries(list.map(({ Name, Value }) => [Name, Value]));
}

export const changePassword = (before, after) => promised((done) => user.changePassword(before, after, done));
export const deleteUser = () => promised((done) => user.deleteUser(done));
export const signOut = () => new Promise((resolve) => user.signOut(resolve));

export function globalSignOut() {
  return new Promise((resolve, reject) => user.globalSignOut({ onSuccess: resolve, onFailure: reject }));
}
