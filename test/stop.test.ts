import { describe, expect, test } from 'bun:test';
import { Stop } from '../src/stop.ts';

/** Whoever is told, and what it was told. */
function listener(said: unknown[] = []) {
  return { said, stopped: (reason: unknown): void => void said.push(reason) };
}

describe('a stop', () => {
  test('tells its listener once, with the first reason', () => {
    const stop = new Stop();
    const told = listener();
    stop.listen(told);
    expect([stop.isStopped, stop.reason]).toEqual([false, undefined]);
    stop.now('first');
    stop.now('second');
    expect(told.said).toEqual(['first']);
    expect([stop.isStopped, stop.reason]).toEqual([true, 'first']);
  });

  test('tells only who listens last, and nobody who left', () => {
    const stop = new Stop();
    const [before, last] = [listener(), listener()];
    stop.listen(before);
    stop.listen(last);
    stop.now('over');
    expect([before.said, last.said]).toEqual([[], ['over']]);

    const left = listener();
    const other = new Stop();
    other.listen(left);
    other.listen(undefined);
    other.now('over');
    expect(left.said).toEqual([]);
  });

  test('is stopped already when its listener hears of it, who may stop it again', () => {
    const stop = new Stop();
    const seen: unknown[] = [];
    stop.listen({
      stopped(reason) {
        seen.push(stop.isStopped, stop.reason, reason);
        stop.now('again');
      },
    });
    stop.now('once');
    expect(seen).toEqual([true, 'once', 'once']);
    expect(stop.reason).toBe('once');
  });
});

describe('its signal', () => {
  test('is one and the same, aborted with the reason, before or after it was asked for', () => {
    const reason = new Error('enough');
    const early = new Stop();
    const { signal } = early;
    expect(early.signal).toBe(signal);
    expect(signal.aborted).toBe(false);
    early.now(reason);
    expect([signal.aborted, signal.reason]).toEqual([true, reason]);

    const late = new Stop();
    late.now(reason);
    expect([late.signal.aborted, late.signal.reason]).toEqual([true, reason]);
  });

  test('and a listener hear of the same stop', () => {
    const stop = new Stop();
    const told = listener();
    stop.signal.addEventListener('abort', () => told.said.push('signal'));
    stop.listen(told);
    stop.now('over');
    expect(told.said).toEqual(['over', 'signal']);
  });
});

describe('a stop that follows a signal', () => {
  test('is stopped with its reason, also when that was before', () => {
    const controller = new AbortController();
    const stop = Stop.by(controller.signal);
    const told = listener();
    stop.listen(told);
    expect(stop.isStopped).toBe(false);
    controller.abort('gone');
    expect([stop.isStopped, stop.reason, told.said]).toEqual([true, 'gone', ['gone']]);

    const after = Stop.by(controller.signal);
    expect([after.isStopped, after.reason]).toEqual([true, 'gone']);
  });

  test('can be stopped by itself, which the signal does not hear of', () => {
    const controller = new AbortController();
    const stop = Stop.by(controller.signal);
    stop.now('own');
    expect(controller.signal.aborted).toBe(false);
    controller.abort('late');
    expect(stop.reason).toBe('own');
  });
});
