// oidc-client-ts, in a page.

import { InMemoryWebStorage, MetadataService, OidcClientSettingsStore, User, UserManager, WebStorageStateStore } from "oidc-client-ts";

function settings(authority, client_id, tokenEndpoint) {
  return {
    authority,
    client_id,
    redirect_uri: location.href,
    userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    ...(tokenEndpoint ? { metadataSeed: { token_endpoint: tokenEndpoint } } : {}),
  };
}

export async function discover(authority, clientId) {
  const service = new MetadataService(new OidcClientSettingsStore(settings(authority, clientId)));
  return { metadata: await service.getMetadata(), keys: await service.getSigningKeys() };
}

// A session that the page had, renewed: the new ID token must be the same person's, of the same sign-in.
export async function renew({ authority, clientId, tokenEndpoint, id, access, refreshToken }) {
  const manager = new UserManager(settings(authority, clientId, tokenEndpoint));
  const claims = JSON.parse(atob(id.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  const had = { id_token: id, access_token: access, refresh_token: refreshToken, token_type: "Bearer", profile: claims };
  await manager.storeUser(new User(had));
  return (await manager.signinSilent()).profile;
}
