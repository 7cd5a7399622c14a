import { Socket } from 'node:net';
import type { Client } from 'pg';

/** A trigger sends the collection with each write, or the beginning of a long name (postgres-migrations.ts). */
export const CHANNEL = 'carnet_changes';

const RECONNECT_MS = 5000;

/**
 * Hears at once of writes by other processes, on a connection of its own. It is made anew when it is lost, and each new one
 * is told of as a notice of no name, for nobody knows what was missed. Only a short cut: whoever needs certainty looks by itself too.
 */
export class PostgresNotices {
  readonly #client: (socket: Socket) => Client;
  readonly #onNotice: (collection: string) => void;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(client: (socket: Socket) => Client, onNotice: (collection: string) => void) {
    this.#client = client;
    this.#onNotice = onNotice;
    void this.#listen();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  async #listen(): Promise<void> {
    // Keeps no process alive.
    const socket = new Socket().unref();
    this.#socket = socket;
    const client = this.#client(socket);
    client.once('end', () => this.#lost());
    client.on('notification', ({ payload = '' }) => this.#onNotice(payload));
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      this.#onNotice('');
    } catch {
      socket.destroy();
      this.#lost();
    }
  }

  #lost(): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => void this.#listen(), RECONNECT_MS).unref();
  }
}
