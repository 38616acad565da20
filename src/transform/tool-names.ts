/**
 * What tools are called on a provider's wire. A name that is legal there stays; another one, or one
 * in a namespace that the format does not know, becomes a legal one that depends on nothing but
 * namespace and name, so that it is the same on every turn and the provider's cache keeps hitting.
 */
import type { FormatRules } from '../formats/format.ts';

/** What a client calls a tool. */
export interface ToolUse {
  kind: 'function' | 'custom';
  name: string;
  namespace?: string | undefined;
}

interface Named {
  use: ToolUse;
  wire: string;
}

/** The legal spelling of an illegal text: readable, and a hash of `identity` behind it. */
export function legalSpelling(text: string, identity: string, max: number): string {
  const hash = new Bun.CryptoHasher('sha256').update(identity).digest('hex').slice(0, 10);
  const readable = text.replace(/[^a-zA-Z0-9_-]/g, '_').replace(/^(?![a-zA-Z_])/, '_');
  return `${readable.slice(0, max - hash.length - 1)}_${hash}`;
}

export class ToolNames {
  readonly #rules: FormatRules;
  /** By what the client calls it, for every tool that was named so far. */
  readonly #byUse = new Map<string, Named>();
  /** By what the provider calls it. */
  readonly #byWire = new Map<string, Named>();
  /** Other spellings of a declared tool that a model or a client may use. */
  readonly #byAlias = new Map<string, Named[]>();

  /** `declared` are the tools of the request; names that only the history has are added as they come. */
  constructor(rules: FormatRules, declared: readonly ToolUse[]) {
    this.#rules = rules;
    // Names that can stay are taken first: no tool loses its own name to another one's flattened name.
    for (const use of declared) if (this.#canStay(use)) this.#declare(use);
    for (const use of declared) if (!this.#byUse.has(useKey(use))) this.#declare(use);
  }

  /** True when something is called otherwise on the wire, or is of another kind there. */
  get areChanged(): boolean {
    for (const named of this.#byWire.values()) if (this.#isChanged(named)) return true;
    return false;
  }

  /** What the provider calls this tool. A call of the history need not name a declared one. */
  wireName(use: ToolUse): string {
    const [found, ...others] = this.#find(use);
    return found === undefined || others.length > 0 ? this.#add(use).wire : found.wire;
  }

  /** What a name may mean: the tool of just that name, of either kind, else all with that alias. */
  find(use: ToolUse): ToolUse[] {
    return this.#find(use).map((named) => named.use);
  }

  /**
   * The client's tool that a model calls so. A model may leave out the namespace or join it otherwise;
   * that counts when it can mean one tool only. Undefined for a tool that nobody named.
   */
  restore(wire: string, namespace?: string): ToolUse | undefined {
    const exact = this.#byWire.get(wireKey(wire, namespace));
    if (exact !== undefined) return exact.use;
    const [alias, ...others] = this.#aliases(wire);
    return others.length === 0 ? alias?.use : undefined;
  }

  #find(use: ToolUse): readonly Named[] {
    const { kind, name, namespace } = use;
    const other = kind === 'function' ? 'custom' : 'function';
    const exact = this.#byUse.get(useKey(use)) ?? this.#byUse.get(useKey({ ...use, kind: other }));
    if (exact !== undefined) return [exact];
    return namespace === undefined ? this.#aliases(name) : [];
  }

  #aliases(name: string): readonly Named[] {
    return this.#byAlias.get(name) ?? [];
  }

  #declare(use: ToolUse): void {
    const { name, namespace } = use;
    const named = this.#add(use);
    this.#alias(name, named);
    if (namespace === undefined) return;
    for (const joint of ['__', '.', '/', ':']) this.#alias(namespace + joint + name, named);
  }

  #alias(spelling: string, named: Named): void {
    const same = this.#byAlias.get(spelling);
    if (same === undefined) this.#byAlias.set(spelling, [named]);
    else same.push(named);
  }

  #add(use: ToolUse): Named {
    const plain = this.#candidate(use);
    const isFree = this.#isLegal(plain) && !this.#isTaken(use, plain);
    const wire = isFree ? plain : this.#spelled(use, plain);
    const named = { use, wire };
    this.#byUse.set(useKey(use), named);
    this.#byWire.set(this.#keyOf(use, wire), named);
    return named;
  }

  /** A legal name that nothing else has, for one that cannot stay. */
  #spelled(use: ToolUse, plain: string): string {
    const identity = JSON.stringify([use.namespace ?? '', use.name]);
    for (let count = 0; ; count += 1) {
      const salted = count === 0 ? identity : `${identity}${count}`;
      const wire = legalSpelling(plain, salted, this.#rules.toolNameMax);
      // A rule may refuse what is legal elsewhere; then there is nothing better to offer.
      if (!this.#isTaken(use, wire)) return wire;
    }
  }

  #candidate({ name, namespace }: ToolUse): string {
    return namespace === undefined || this.#rules.namespaces ? name : `${namespace}__${name}`;
  }

  #canStay(use: ToolUse): boolean {
    const stays = use.namespace === undefined || this.#rules.namespaces;
    return stays && this.#isLegal(use.name) && !this.#isTaken(use, use.name);
  }

  #isLegal(name: string): boolean {
    return name.length <= this.#rules.toolNameMax && this.#rules.toolName.test(name);
  }

  #isTaken(use: ToolUse, wire: string): boolean {
    return this.#byWire.has(this.#keyOf(use, wire));
  }

  #keyOf(use: ToolUse, wire: string): string {
    return wireKey(wire, this.#rules.namespaces ? use.namespace : undefined);
  }

  #isChanged({ use, wire }: Named): boolean {
    return (
      wire !== use.name ||
      (use.namespace !== undefined && !this.#rules.namespaces) ||
      (use.kind === 'custom' && !this.#rules.customTools)
    );
  }
}

/** The same for the same tool. */
export function useKey({ kind, name, namespace = '' }: ToolUse): string {
  return `${kind}\n${namespace}\n${name}`;
}

function wireKey(wire: string, namespace = ''): string {
  return `${namespace}\n${wire}`;
}
