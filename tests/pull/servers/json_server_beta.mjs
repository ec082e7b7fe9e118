// json-server 1.0 beta: pages in an envelope, whose last one comes again past the end. Argument: the data file.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const home = dirname(require.resolve("json-server-beta/package.json"));
const load = (path) => import(pathToFileURL(join(home, path)).href);
const { createApp } = await load("lib/app.js");

const data = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const database = { data, read: async () => {}, write: async () => {} };
const listener = createApp(database, { logger: false }).listen(0, () => console.log(`listening ${listener.address().port}`), "127.0.0.1");
