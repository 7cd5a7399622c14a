import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import { RedisReplies } from './redis-replies.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: ConnectionOptions;
}

/** After a polite end, so long until the socket is destroyed. */
const DISCONNECT_MS = 500;

/**
 * Opens sockets for the Redis client that end as soon as the other side says something that is no answer to a command.
 * `asked` tells how many commands wait for theirs.
 */
export function checkedConnector({ host, port, tls }: RedisAddress, asked: () => number) {
  return class extends AbstractConnector {
    constructor() {
      super(DISCONNECT_MS);
    }

    async connect(): Promise<Socket> {
      const socket = tls === undefined ? connectPlain({ host, port }) : connectTls({ ...tls, host, port });
      this.stream = socket;
      socket.once('error', (error) => {
        this.firstError = error;
      });
      return checked(socket, asked);
    }
  };
}

function checked(socket: Socket, asked: () => number): Socket {
  const replies = new RedisReplies();
  const emit: (event: string | symbol, ...values: unknown[]) => boolean = socket.emit.bind(socket);
  return Object.assign(socket, {
    // The client puts its own listener in front of all others: only here is there something before it.
    emit(event: string | symbol, ...values: unknown[]): boolean {
      const [chunk] = values;
      if (event !== 'data' || !Buffer.isBuffer(chunk)) return emit(event, ...values);
      const ended = replies.read(chunk);
      if (ended !== undefined && ended <= asked()) return emit(event, ...values);
      socket.destroy();
      return true;
    },
  });
}
