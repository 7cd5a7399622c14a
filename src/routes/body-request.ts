import { http } from '../outbound/node-http.ts';

/** Called with each piece of a body as it is parsed, and with null at its end. */
type BodyReader = (piece: Uint8Array | null) => void;

/**
 * A request whose body may be handed over as Node's parser finds it. The buffer of a stream, and the later turn in which it gives
 * what it has, are of no use where all of a bounded body is read at once, or none of it.
 */
export class BodyRequest extends http.IncomingMessage {
  #reader: BodyReader | undefined;

  /**
   * To be called before anything is read. What came while the request waited is handed over first. The stream ends with the
   * body, empty.
   */
  handBodyTo(reader: BodyReader): void {
    if (this.readableLength > 0) {
      for (let piece = this.read(); piece !== null; piece = this.read()) reader(piece);
      // Read once, it would not end by itself.
      this.resume();
    }
    if (this.complete) reader(null);
    else this.#reader = reader;
  }

  override push(piece: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (this.#reader === undefined) return super.push(piece, encoding);
    this.#reader(piece);
    return piece === null ? super.push(null) : true;
  }
}
