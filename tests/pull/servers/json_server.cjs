// json-server 0.17: Link headers and offset pages, with X-Total-Count. Argument: the data file.
const jsonServer = require("json-server");

const server = jsonServer.create();
server.use(jsonServer.router(process.argv[2]));
const listener = server.listen(0, "127.0.0.1", () => console.log(`listening ${listener.address().port}`));
