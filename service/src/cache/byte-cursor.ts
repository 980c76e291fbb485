/**
 * Writes numbers and short texts one after another into bytes that grow. Little endian, which every
 * machine is that Bun runs on: words are copied as they lie.
 */
export class ByteWriter {
  #bytes = Buffer.alloc(1024);
  #length = 0;

  u8(value: number): void {
    this.#bytes[this.#reserve(1)] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#bytes.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32LE(value, at);
  }

  f64(value: number): void {
    const at = this.#reserve(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  /** At most 255 bytes of UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.u8(length);
    const at = this.#reserve(length);
    this.#bytes.write(value, at);
  }

  words(values: Uint32Array): void {
    const at = this.#reserve(values.byteLength);
    this.#bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
  }

  /** What was written so far. Shares memory with the writer. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(this.#length, 2 * this.#bytes.length));
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    return at;
  }
}

/** Reads what `ByteWriter` wrote. @throws RangeError where the bytes end too early. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  text(): string {
    const length = this.u8();
    const at = this.#take(length);
    return this.#bytes.toString("utf8", at, at + length);
  }

  words(count: number): Uint32Array {
    const from = this.#take(4 * count);
    const values = new Uint32Array(count);
    new Uint8Array(values.buffer).set(this.#bytes.subarray(from, from + 4 * count));
    return values;
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) throw new RangeError("the bytes end too early");
    this.#at += count;
    return at;
  }
}
