import { describe, expect, test } from 'bun:test';
import { OpenRequests, shuttingDown } from '../../src/limits/interruption.ts';

describe('what ends a request before its time', () => {
  test('tells who is at work, once, and whoever is at work later at once', () => {
    const leaving = new AbortController();
    const interruption = new OpenRequests().open(leaving);
    const heard: string[] = [];
    interruption.listen({ interrupt: () => heard.push('first') });
    interruption.listen({ interrupt: ({ kind }) => heard.push(kind) });
    interruption.attend();
    leaving.abort();
    interruption.interrupt(shuttingDown());
    expect(heard).toEqual(['client_left']);
    interruption.listen({ interrupt: ({ kind }) => heard.push(`later ${kind}`) });
    expect(heard).toEqual(['client_left', 'later client_left']);
  });

  test('a client that had left before is known', () => {
    const interruption = new OpenRequests().open({ signal: AbortSignal.abort() });
    expect(interruption.reason?.kind).toBe('client_left');
  });

  test('the signal of a client that is there is looked up when somebody looks, or after a while', async () => {
    const open = new OpenRequests();
    const leaving = new AbortController();
    let lookedUp = 0;
    const client = {
      get signal() {
        lookedUp += 1;
        return leaving.signal;
      },
    };
    const brief = open.open(client, true);
    brief.listen({ interrupt: () => undefined });
    brief.end();
    expect(lookedUp).toBe(0);
    leaving.abort();
    const looking = open.open(client, true);
    expect(looking.reason?.kind).toBe('client_left');
    const working = open.open(client, true);
    const told = new Promise((resolve) => {
      working.listen({ interrupt: ({ kind }) => resolve(kind) });
    });
    expect(await told).toBe('client_left');
    expect(lookedUp).toBe(2);
  });

  test('a client that leaves at once is known to whoever looks, and told to who is at work', async () => {
    const open = new OpenRequests();
    const leaving = new AbortController();
    const [looking, working] = [open.open(leaving), open.open(leaving)];
    const told = new Promise((resolve) => {
      working.listen({ interrupt: ({ kind }) => resolve(kind) });
    });
    leaving.abort();
    expect(looking.reason?.kind).toBe('client_left');
    expect(await told).toBe('client_left');
  });

  test('each of several that begin one after the other is told', async () => {
    const open = new OpenRequests();
    const told: Promise<unknown>[] = [];
    for (let n = 0; n < 5; n += 1) {
      const leaving = new AbortController();
      const interruption = open.open(leaving);
      told.push(
        new Promise((resolve) => {
          interruption.listen({ interrupt: ({ kind }) => resolve(kind) });
        }),
      );
      setTimeout(() => leaving.abort(), n * 4);
      await Bun.sleep(5);
    }
    expect(await Promise.all(told)).toEqual(Array(5).fill('client_left'));
  });

  test('nothing is told when nobody listens any more', () => {
    const leaving = new AbortController();
    const interruption = new OpenRequests().open(leaving);
    let heard = 0;
    interruption.listen({
      interrupt() {
        heard += 1;
      },
    });
    interruption.ignore();
    leaving.abort();
    expect(heard).toBe(0);
    expect(interruption.reason).toBeDefined();
  });

  test('a wait ends when the request does', async () => {
    const leaving = new AbortController();
    const interruption = new OpenRequests().open(leaving);
    const started = performance.now();
    setTimeout(() => leaving.abort(), 5);
    await interruption.sleep(1000);
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('a request that is over is neither counted nor told', () => {
    const open = new OpenRequests();
    const leaving = new AbortController();
    const interruption = open.open(leaving);
    expect(open.size).toBe(1);
    interruption.end();
    expect(open.size).toBe(0);
    leaving.abort();
    expect(interruption.reason).toBeUndefined();
  });

  test('the end of the gateway ends all, and all that come later', () => {
    const open = new OpenRequests();
    const one = open.open(new AbortController());
    open.close(shuttingDown());
    const other = open.open(new AbortController());
    expect([one.reason?.code, other.reason?.code]).toEqual(['shutting_down', 'shutting_down']);
  });
});
