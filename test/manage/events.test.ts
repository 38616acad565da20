import { describe, expect, test } from 'bun:test';
import { EVENT_TYPES, EventHub, type EventHubOptions } from '../../src/manage/events.ts';

function hubOf(more: Partial<EventHubOptions> = {}): EventHub {
  return new EventHub({
    settings: () => ({ heartbeatMs: 0, maxClients: 2 }),
    epoch: 'e',
    ...more,
  });
}

function listen(hub: EventHub, types = EVENT_TYPES, since?: string) {
  const { body } = hub.connect(types, since);
  if (body === null) throw new Error('no body');
  const reader = body.getReader();
  return {
    /** The next piece that the stream gives. */
    async read(): Promise<string> {
      const { value } = await reader.read();
      return value === undefined ? '(end)' : Buffer.from(value).toString();
    },
    leave: () => reader.cancel(),
  };
}

describe('a listener', () => {
  test('hears events as they happen, with ids and types', async () => {
    const hub = hubOf();
    const { read } = listen(hub);
    expect(await read()).toContain(': connected');
    const next = read();
    hub.publish('usage', { n: 1 });
    expect(await next).toBe('id: e-1\nevent: usage\ndata: {"n":1}\n\n');
    hub.publish('log', { n: 2 });
    hub.publish('state_change', { n: 3 });
    expect(await read()).toBe(
      'id: e-2\nevent: log\ndata: {"n":2}\n\nid: e-3\nevent: state_change\ndata: {"n":3}\n\n',
    );
  });

  test('hears only the types that it asked for', async () => {
    const hub = hubOf();
    const { read } = listen(hub, ['log']);
    await read();
    hub.publish('usage', { n: 1 });
    hub.publish('log', { n: 2 });
    expect(await read()).toBe('id: e-2\nevent: log\ndata: {"n":2}\n\n');
  });

  test('resumes after the last event that it saw', async () => {
    const hub = hubOf();
    await listen(hub).leave();
    for (let n = 1; n <= 3; n += 1) hub.publish('usage', { n });
    const piece = await listen(hub, EVENT_TYPES, 'e-1').read();
    expect(piece).not.toContain('"n":1');
    expect(piece).toContain('id: e-2\nevent: usage\ndata: {"n":2}');
    expect(piece).toContain('"n":3');
    expect(piece).not.toContain('event: gap');
  });

  test('is told when what it missed is no longer remembered', async () => {
    const hub = hubOf();
    await listen(hub).leave();
    for (let n = 1; n <= 2500; n += 1) hub.publish('usage', { n });
    const old = await listen(hub, EVENT_TYPES, 'e-3').read();
    expect(old).toContain('event: gap');
    expect(old.indexOf('event: gap')).toBeLessThan(old.indexOf('event: usage'));
    expect(old).toContain('data: {"n":2500}');
    expect(await listen(hub, EVENT_TYPES, 'earlier-process-77').read()).toContain('event: gap');
  });

  test('is told that nothing was kept before anybody listened', async () => {
    const hub = hubOf();
    for (let n = 1; n <= 3; n += 1) hub.publish('usage', { n });
    const piece = await listen(hub, EVENT_TYPES, 'e-1').read();
    expect(piece).toContain('event: gap');
    expect(piece).not.toContain('"n":3');
  });

  test('that does not read loses events, is told how many, and holds nobody up', async () => {
    const hub = hubOf();
    const { read } = listen(hub);
    await read();
    for (let n = 1; n <= 5000; n += 1) hub.publish('usage', { n });
    let text = await read();
    if (!text.includes('skipped')) text += await read();
    const heard = text.match(/event: usage/g)?.length ?? 0;
    expect(heard).toBeLessThan(600);
    expect(text).toContain(`event: skipped\ndata: {"count":${5000 - heard}}`);
  });

  test('hears of running requests each second, but does not resume them', async () => {
    const hub = hubOf({ progress: () => [{ id: 'req_1' }] });
    const { read, leave } = listen(hub, ['progress']);
    await read();
    expect(await read()).toContain('event: progress\ndata: {"id":"req_1"}');
    await leave();
    expect(await listen(hub, EVENT_TYPES, 'e-0').read()).not.toContain('progress');
  });

  test('gets a sign of life while nothing happens', async () => {
    const hub = hubOf({ settings: () => ({ heartbeatMs: 5, maxClients: 2 }) });
    const { read, leave } = listen(hub);
    await read();
    expect(await read()).toBe(': heartbeat\n\n');
    await leave();
  });

  test('is refused when there are too many, and welcome when one has left', async () => {
    const hub = hubOf();
    const first = listen(hub);
    listen(hub);
    expect(() => hub.connect(EVENT_TYPES)).toThrow('2 listeners already');
    await first.leave();
    expect(hub.listeners).toBe(1);
    listen(hub);
    expect(hub.listeners).toBe(2);
  });

  test('is let go when the hub closes', async () => {
    const hub = hubOf();
    const { read } = listen(hub);
    await read();
    const last = read();
    hub.close();
    expect(await last).toBe('(end)');
    expect(hub.listeners).toBe(0);
    expect(() => hub.connect(EVENT_TYPES)).toThrow();
  });
});

describe('of several processes', () => {
  /** Two hubs whose events are numbered in one place and come back to both. */
  function two() {
    let seq = 0;
    const hubs: EventHub[] = [];
    const relay: EventHubOptions['relay'] = (type, data) => {
      seq += 1;
      for (const hub of hubs) hub.take(type, data, seq);
    };
    const [one, other] = [hubOf({ relay }), hubOf({ relay })];
    hubs.push(one, other);
    return { one, other };
  }

  test('an event is heard at each, with one number', async () => {
    const { one, other } = two();
    const { read } = listen(other);
    await read();
    one.publish('log', { n: 1 });
    expect(await read()).toBe('id: e-1\nevent: log\ndata: {"n":1}\n\n');
  });

  test('a listener goes on where it was, at whichever', async () => {
    const { one, other } = two();
    one.publish('log', { n: 1 });
    other.publish('log', { n: 2 });
    const { read } = listen(other, EVENT_TYPES, 'e-1');
    const said = await read();
    expect(said).toContain('{"n":2}');
    expect(said).not.toContain('{"n":1}');
    expect(said).not.toContain('event: gap');
  });

  test('what nobody was told is a gap', async () => {
    const { one } = two();
    one.publish('log', { n: 1 });
    one.forget(7);
    expect(await listen(one, EVENT_TYPES, 'e-1').read()).toContain('event: gap');
    expect(await listen(one).read()).toContain('id: e-7\n');
  });

  test('how many listen is told, each change once', async () => {
    const counts: number[] = [];
    const hub = hubOf({ onListeners: (count) => counts.push(count) });
    const { leave } = listen(hub);
    await leave();
    await leave();
    hub.close();
    expect(counts).toEqual([1, 0]);
  });
});
