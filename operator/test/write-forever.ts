import { tuningDocument } from "../src/control/tuning-delivery.contract.ts";
import { createTuningFile } from "../src/file/tuning-file.ts";

/** Writes tuning documents as fast as it can, one line on standard output for each, until killed. */
const path = process.argv[2];
if (path === undefined) throw new Error("usage: write-forever.ts FILE");
const delivery = await createTuningFile({ path, onInvalid: () => process.exit(1) });
const first = (await delivery.read("")).document?.revision ?? 0;
for (let revision = first + 1; ; revision += 1) {
  await delivery.write("", tuningDocument(revision), null);
  process.stdout.write(`${revision}\n`);
}
