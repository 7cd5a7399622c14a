import { http } from '../outbound/node-http.ts';

/** Called with each piece of a body as it is parsed, and with null at its end. */
type BodyReader = (piece: Uint8Array | null) => void;

/**
 * A request whose body may be handed over as Node's parser finds it. The buffer of a stream, and the later turn in which it gives
 * what it has, are of no use where all of a bounded body is read at once, or none of it.
 */
export class BodyRequest extends http.IncomingMessage {
  #reader: BodyReader | undefined;

  /** To be called while the request is announced, before anything of its body has come. The stream ends with the body, empty. */
  handBodyTo(reader: BodyReader): void {
    this.#reader = reader;
  }

  override push(piece: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (this.#reader === undefined) return super.push(piece, encoding);
    this.#reader(piece);
    return piece === null ? super.push(null) : true;
  }
}
