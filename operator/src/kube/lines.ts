/** A watch sends one JSON text a line. A longer one is no object: etcd holds at most 1.5 MiB. */
const mostLineBytes = 16 * 1024 * 1024;

const newline = 0x0a;

export interface LineSplitter {
  /**
   * The lines that end in this chunk.
   * @throws RangeError when a line does not end
   */
  push(chunk: Uint8Array): string[];
}

/** Splits a byte stream into lines, looking at every byte once: what has no end yet waits in pieces. */
export function createLineSplitter(): LineSplitter {
  const decoder = new TextDecoder();
  let pieces: Uint8Array[] = [];
  let waiting = 0;
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(newline, start);
        const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
        if (end === -1) {
          if (piece.length === 0) return lines;
          waiting += piece.length;
          if (waiting > mostLineBytes)
            throw new RangeError(`a line has more than ${mostLineBytes} bytes`);
          pieces.push(piece);
          return lines;
        }
        const line =
          pieces.length === 0 ? piece : Buffer.concat([...pieces, piece], waiting + piece.length);
        pieces = [];
        waiting = 0;
        start = end + 1;
        if (line.length > 0) lines.push(decoder.decode(line));
      }
    },
  };
}
