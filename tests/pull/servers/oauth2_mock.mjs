// oauth2-mock-server: password grant and refresh tokens, and a resource that takes only the latest token. What the token
// endpoint was asked is at /asked; /set?expires_in=…&refresh=off&refuse_refresh=on&status=… changes how it answers.
import { createServer } from "node:http";
import { OAuth2Server } from "oauth2-mock-server";

const server = new OAuth2Server();
await server.issuer.keys.generate("RS256");
const asked = [];
let latest = null;
let behaviour = new URLSearchParams();

server.service.on("beforeResponse", (response, request) => {
  const { body, headers } = request;
  asked.push({ ...body, authorization: headers.authorization ?? null });
  if (behaviour.has("status")) {
    response.statusCode = Number(behaviour.get("status"));
    response.body = { message: "not now" };
    return;
  }
  if (body.grant_type === "refresh_token" && behaviour.get("refuse_refresh") === "on") {
    response.statusCode = 400;
    response.body = { error: "invalid_grant" };
    return;
  }
  if (behaviour.get("refresh") === "off") delete response.body.refresh_token;
  if (behaviour.get("expires_in") === "none") delete response.body.expires_in;
  else if (behaviour.has("expires_in")) response.body.expires_in = Number(behaviour.get("expires_in"));
  response.body.access_token += `.${asked.length}`;
  latest = response.body.access_token;
});

const answer = (response, status, body) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};
const listener = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://127.0.0.1");
  if (pathname === "/set") {
    behaviour = searchParams;
    asked.length = 0;
    answer(response, 200, {});
  } else if (pathname === "/asked") answer(response, 200, asked);
  else if (pathname === "/forget") {
    latest = null;
    answer(response, 200, {});
  } else if (pathname.startsWith("/api/")) {
    const good = latest !== null && request.headers.authorization === `Bearer ${latest}`;
    answer(response, good ? 200 : 401, good ? [{ id: 1 }] : { error: "unknown token" });
  } else server.service.requestHandler(request, response);
}).listen(0, "127.0.0.1", () => {
  server.issuer.url = `http://127.0.0.1:${listener.address().port}`;
  console.log(`listening ${listener.address().port}`);
});
