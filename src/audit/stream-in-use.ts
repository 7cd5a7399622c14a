/** Another process, or another part of this one, writes the stream. */
export class StreamInUse extends Error {
  override readonly name = 'StreamInUse';
}
