/** A bad line between client and server: an HTTP relay that can lose, delay and spoil what passes. */

import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Fault =
  | "drop-answer" // the server acts, and nobody hears of it
  | "drop-request" // the server never hears of it
  | "cut-answer" // half of it arrives
  | "slow" // it arrives too late
  | "captive-portal" // somebody else answers, with 200 and a page
  | "stale-token"; // the token is refused, as one that ran out on the way

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly fault: Fault | null;
}

export class Wire {
  readonly seen: Seen[] = [];
  private faults: { matches: RegExp; fault: Fault; left: number }[] = [];
  private readonly server: Server;

  constructor(private readonly upstream: URL) {
    this.server = createServer((incoming, outgoing) => this.relay(incoming, outgoing));
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The next `times` requests whose "METHOD /path" matches meet this fault. */
  spoil(matches: RegExp, fault: Fault, times = 1): void {
    this.faults.push({ matches, fault, left: times });
  }

  /** Forget what was seen and what is still to go wrong. */
  calm(): void {
    this.seen.length = 0;
    this.faults = [];
  }

  count(matches: RegExp): number {
    return this.seen.filter((s) => matches.test(`${s.method} ${s.path}`)).length;
  }

  private next(line: string): Fault | null {
    const found = this.faults.find((f) => f.left > 0 && f.matches.test(line));
    if (found === undefined) return null;
    found.left -= 1;
    return found.fault;
  }

  private relay(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = (incoming.url ?? "/").split("?")[0] ?? "/";
    const fault = this.next(`${incoming.method} ${path}`);
    const key = incoming.headers["idempotency-key"];
    this.seen.push({ method: incoming.method ?? "", path, key: typeof key === "string" ? key : undefined, fault });
    if (fault === "drop-request") {
      outgoing.destroy();
      return;
    }
    if (fault === "captive-portal") {
      outgoing.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Welcome to the hotel</h1>");
      return;
    }
    const headers = { ...incoming.headers };
    if (fault === "stale-token") headers.authorization = "Bearer stale";
    const onwards = request(
      { host: this.upstream.hostname, port: this.upstream.port, method: incoming.method, path: incoming.url, headers },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const body = Buffer.concat(chunks);
          if (fault === "drop-answer") return void outgoing.destroy();
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
          if (fault === "cut-answer") {
            outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy());
            return;
          }
          if (fault === "slow") return void setTimeout(() => outgoing.end(body), 2500).unref();
          outgoing.end(body);
        });
      },
    );
    onwards.on("error", () => outgoing.destroy());
    incoming.pipe(onwards);
  }
}
