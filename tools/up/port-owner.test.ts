import { expect, test } from "bun:test";
import { parseListeners } from "./port-owner.ts";

// As Linux writes it: 127.0.0.1:8000 listening, the same port in a connection, and port 5432.
const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 123456 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F40 0100007F:D2F0 01 00000000:00000000 02:00000A1B 00000000     0        0 123457 2 0000000000000000 20 4 0 10 -1
   2: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 123458 1 0000000000000000 100 0 0 10 0
`;

test("only sockets that listen on the port are found", () => {
  expect(parseListeners(table, 8000)).toEqual(["123456"]);
  expect(parseListeners(table, 5432)).toEqual(["123458"]);
  expect(parseListeners(table, 80)).toEqual([]);
});
