// oidc-provider: client credentials whose tokens last two seconds, and a resource that takes only tokens which are still good.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const issued = [];
const listener = createServer().listen(0, "127.0.0.1", () => {
  const { port } = listener.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    scopes: ["read"],
    ttl: { ClientCredentials: 2 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({ scope: "read", audience: resource, accessTokenTTL: 2, accessTokenFormat: "opaque" }),
      },
    },
    clients: [
      {
        client_id: "hub:1",
        client_secret: "s%cret/with+signs",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
  });
  provider.on("client_credentials.saved", (token) => issued.push({ jti: token.jti, aud: token.aud ?? null }));
  provider.use(async (context, next) => {
    if (context.path === "/issued") {
      context.body = issued;
    } else if (context.path === "/revoke") {
      await Promise.all(issued.map(async ({ jti }) => (await provider.ClientCredentials.find(jti))?.destroy()));
      context.body = {};
    } else if (context.path.startsWith("/api/")) {
      const token = (context.get("authorization").match(/^Bearer (.+)$/) ?? [])[1];
      const found = token && (await provider.ClientCredentials.find(token));
      context.status = found && !found.isExpired ? 200 : 401;
      context.body = context.status === 200 ? { items: [{ id: Number(context.query.page), token }], next: Number(context.query.page) < 4 } : { error: "expired" };
    } else {
      await next();
    }
  });
  listener.on("request", provider.callback());
  console.log(`listening ${port}`);
});
