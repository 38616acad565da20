/**
 * Answers of the Responses API that later requests may refer to (`previous_response_id`,
 * `item_reference`), and that `GET /v1/responses/{id}` gives again. Bounded in number, bytes and age;
 * what was not used for longest goes first. An API key never reads what belongs to another.
 */
import type { JsonObject } from '../json.ts';
import { memoryShelf, type Shelf } from './shelf.ts';
import {
  itemIds,
  outputItems,
  parseStored,
  responseId,
  type StoredResponse,
  serializeStored,
} from './stored-response.ts';

export interface StoreBounds {
  readonly count: number;
  readonly bytes: number;
  readonly ageMs: number;
}

/** OpenAI keeps responses for 30 days (docs: conversation state). */
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
export const MEMORY_BOUNDS: StoreBounds = { count: 10_000, bytes: 64 * 2 ** 20, ageMs: KEPT_MS };
export const FILE_BOUNDS: StoreBounds = { count: 100_000, bytes: 2 ** 30, ageMs: KEPT_MS };
/** One answer may take this part of the whole room. */
const LARGEST_SHARE = 8;

/** What is known of a kept answer without reading it. */
interface Slot {
  readonly bytes: number;
  readonly at: number;
  /** Ids of its items; undefined until its file was read. */
  items: readonly string[] | undefined;
  /** '' until then. */
  owner: string;
}

/** An item with the answer that it was kept with. */
export interface FoundItem {
  readonly item: JsonObject;
  readonly from: StoredResponse;
  /** True for an item of the answer, false for one of the request. */
  readonly isOutput: boolean;
}

/** What another process that uses the same shelf learns of an answer that was put there. */
export interface Kept {
  readonly name: string;
  readonly bytes: number;
  readonly owner: string;
  /** Ids of its items. */
  readonly items: readonly string[];
}

/**
 * How long what another process may just be writing is waited for: ms before each further look. An id
 * that nobody knows takes a quarter of a second to be refused.
 */
const WAITS_MS = [5, 20, 75, 150];

export class ResponsesStore {
  /** Hears what is put here. Where it is set, other processes put answers on the same shelf. */
  onKeep: ((kept: Kept) => void) | undefined;
  readonly #shelf: Shelf;
  readonly #bounds: StoreBounds;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #slots = new Map<string, Slot>();
  /** Item id → the slots that hold such an item, by their owners. */
  readonly #items = new Map<string, Map<string, string>>();
  /** Ids of answers, as they stand in the names → how many owners have one. */
  readonly #ids = new Map<string, number>();
  #bytes = 0;
  /** Set by the first use: what an earlier process left is counted once. */
  #listed: Promise<void> | undefined;

  constructor(
    now: () => number,
    shelf: Shelf = memoryShelf(),
    bounds: StoreBounds = MEMORY_BOUNDS,
  ) {
    this.#now = now;
    this.#shelf = shelf;
    this.#bounds = bounds;
  }

  /** Keeps an answer. One that is too large is not kept; a reference to it is then unknown. */
  put(stored: StoredResponse): void {
    const content = serializeStored(stored);
    if (content.length > this.#bounds.bytes / LARGEST_SHARE) return;
    const name = nameOf(stored.owner, responseId(stored));
    this.#forget(name);
    this.#add(name, { bytes: content.length, at: this.#now(), items: undefined, owner: '' });
    this.#learn(name, stored);
    this.#shelf.write(name, content);
    this.#tidy();
    void this.#list();
    const { owner } = stored;
    this.onKeep?.({ name, bytes: content.length, owner, items: itemIds(stored) });
  }

  /** Another process has put an answer on the shelf. */
  take({ name, bytes, owner, items }: Kept): void {
    this.#forget(name);
    this.#add(name, { bytes, at: this.#now(), items: undefined, owner: '' });
    this.#index(name, owner, items);
    this.#tidy();
  }

  async get(owner: string, id: string): Promise<StoredResponse | undefined> {
    await this.#list();
    return this.#read(nameOf(owner, id));
  }

  /** The item of that id, wherever among the owner's answers it is. */
  async item(owner: string, id: string): Promise<FoundItem | undefined> {
    await this.#list();
    if (!this.#items.has(id)) await this.#learnAll();
    for (const ms of this.#waits()) {
      if (this.#items.has(id)) break;
      await Bun.sleep(ms);
    }
    const name = this.#items.get(id)?.get(owner);
    const from = name === undefined ? undefined : await this.#read(name);
    if (from === undefined) return undefined;
    const made = outputItems(from).find((item) => item['id'] === id);
    const item = made ?? from.input.find((given) => given['id'] === id);
    return item && { item, from, isOutput: made !== undefined };
  }

  /** False when there was nothing of that id. */
  async delete(owner: string, id: string): Promise<boolean> {
    const stored = await this.get(owner, id);
    if (stored === undefined) return false;
    this.#discard(nameOf(owner, id));
    return true;
  }

  /** True when the answer is known, but belongs to other keys only. */
  async belongsToAnother(owner: string, id: string): Promise<boolean> {
    await this.#list();
    return this.#ids.has(hash(id)) && !this.#slots.has(nameOf(owner, id));
  }

  /** The same for an item that was asked for before. */
  itemBelongsToAnother(owner: string, id: string): boolean {
    const owners = this.#items.get(id);
    return owners !== undefined && !owners.has(owner);
  }

  /** Resolves when everything that was put is where it belongs. */
  drain(): Promise<void> {
    return this.#shelf.drain();
  }

  async #read(name: string): Promise<StoredResponse | undefined> {
    const slot = this.#slots.get(name);
    if (slot !== undefined && this.#isOld(slot)) {
      this.#discard(name);
      return undefined;
    }
    // Another process that shares the folder may have written what has no slot here.
    let content = await this.#shelf.read(name);
    for (const ms of this.#waits()) {
      if (content !== undefined) break;
      await Bun.sleep(ms);
      content = await this.#shelf.read(name);
    }
    const stored = content === undefined ? undefined : parseStored(content);
    if (content === undefined || stored === undefined) {
      this.#forget(name);
      return undefined;
    }
    if (slot === undefined)
      this.#add(name, { bytes: content.length, at: this.#now(), items: undefined, owner: '' });
    else if (this.#slots.delete(name)) this.#slots.set(name, slot);
    this.#learn(name, stored);
    return stored;
  }

  #waits(): readonly number[] {
    return this.onKeep === undefined ? [] : WAITS_MS;
  }

  // ---------------------------------------------------------------------------- the index

  #list(): Promise<void> {
    this.#listed ??= this.#shelf.list().then((found) => {
      const newer = [...this.#slots];
      this.#slots.clear();
      for (const { name, bytes, at } of found) {
        if (!newer.some(([known]) => known === name))
          this.#add(name, { bytes, at, items: undefined, owner: '' });
      }
      for (const [name, slot] of newer) this.#slots.set(name, slot);
      this.#tidy();
    });
    return this.#listed;
  }

  #add(name: string, slot: Slot): void {
    this.#slots.set(name, slot);
    this.#bytes += slot.bytes;
    const id = idPart(name);
    this.#ids.set(id, (this.#ids.get(id) ?? 0) + 1);
  }

  #learn(name: string, stored: StoredResponse): void {
    if (this.#slots.get(name)?.items === undefined) {
      this.#index(name, stored.owner, itemIds(stored));
    }
  }

  #index(name: string, owner: string, items: readonly string[]): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    slot.items = items;
    slot.owner = owner;
    for (const id of items) {
      const owners = this.#items.get(id);
      if (owners === undefined) this.#items.set(id, new Map([[owner, name]]));
      else owners.set(owner, name);
    }
  }

  /** Reads what an earlier process left, once. */
  async #learnAll(): Promise<void> {
    for (const [name, slot] of [...this.#slots]) {
      if (slot.items !== undefined) continue;
      const content = await this.#shelf.read(name);
      const stored = content === undefined ? undefined : parseStored(content);
      if (stored === undefined) this.#forget(name);
      else this.#learn(name, stored);
    }
  }

  #forget(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#slots.delete(name);
    this.#bytes -= slot.bytes;
    for (const id of slot.items ?? []) {
      const owners = this.#items.get(id);
      if (owners?.get(slot.owner) !== name) continue;
      owners.delete(slot.owner);
      if (owners.size === 0) this.#items.delete(id);
    }
    const id = idPart(name);
    const left = (this.#ids.get(id) ?? 1) - 1;
    if (left > 0) this.#ids.set(id, left);
    else this.#ids.delete(id);
  }

  #discard(name: string): void {
    this.#forget(name);
    this.#shelf.remove(name);
  }

  #tidy(): void {
    for (const [name, slot] of this.#slots) {
      const isFull = this.#slots.size > this.#bounds.count || this.#bytes > this.#bounds.bytes;
      if (!isFull && !this.#isOld(slot)) return;
      this.#discard(name);
    }
  }

  #isOld(slot: Slot): boolean {
    return this.#now() - slot.at > this.#bounds.ageMs;
  }
}

/** Ids come from clients and providers, so that only their digests become names of files. */
function hash(value: string): string {
  return new Bun.CryptoHasher('sha256').update(value).digest('hex').slice(0, 32);
}
function nameOf(owner: string, id: string): string {
  return `${hash(id)}-${hash(owner)}`;
}
function idPart(name: string): string {
  return name.slice(0, name.indexOf('-'));
}
