/** What the hooks of one attempt share: both sides' contexts and what one hook leaves for a later one. */
import type { ClientContext, Envelope, ProviderContext } from '../formats/format.ts';
import type { JsonObject } from '../json.ts';
import { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';
import type { TransformerContext } from './llms.ts';
import type { ToolRestorer } from './tool-restorer.ts';

/** The client's side of one request, as the formats see it. */
export class ClientSide implements ClientContext {
  readonly model: string;
  readonly body: JsonObject;
  /** Set once the client's body is decoded. */
  request: UnifiedChatRequest | undefined = undefined;
  readonly ledger: Ledger;
  readonly envelope: Envelope;
  readonly newId: (prefix: string) => string;
  readonly now: () => number;
  readonly #bytes: number;

  constructor(init: {
    model: string;
    body: JsonObject;
    /** Size of the client's body in characters. */
    bytes: number;
    ledger: Ledger;
    envelope: Envelope;
    newId: (prefix: string) => string;
    now: () => number;
  }) {
    this.model = init.model;
    this.body = init.body;
    this.ledger = init.ledger;
    this.envelope = init.envelope;
    this.newId = init.newId;
    this.now = init.now;
    this.#bytes = init.bytes;
  }

  /** A closer look than the size, where an attempt can take one. */
  estimate: (() => number | undefined) | undefined = undefined;

  /** Without a closer look: about four characters of JSON make a token. Never 0. */
  estimateInput(): number {
    return this.estimate?.() ?? Math.max(1, Math.ceil(this.#bytes / 4));
  }
}

/** The context of one attempt, handed to every hook. llms hooks of other people see `req.id`. */
export class HookContext implements TransformerContext {
  [key: string]: unknown;
  readonly req: { id: string };
  readonly client: ClientSide;
  readonly provider: ProviderContext;
  /** True when a hook that is not ours stands in the chain and reads what ours give as text. */
  readonly hasForeignHook: boolean;
  /** Left by the provider's request hook: undoes the mapping of tools in the reply. */
  restorer: ToolRestorer | undefined = undefined;
  /** Gets what ends the client's answer: the JSON reply, or the text with the terminal event. */
  onAnswer: ((ended: string) => void) | undefined = undefined;
  /** Silence after which a streaming client gets a sign of life, ms; 0: never. */
  keepAliveMs = 0;

  constructor(id: string, client: ClientSide, provider: ProviderContext, hasForeignHook: boolean) {
    this.req = { id };
    this.client = client;
    this.provider = provider;
    this.hasForeignHook = hasForeignHook;
  }
}

const noEnvelope: Envelope = {
  seal: () => '',
  open: () => undefined,
  isSealed: () => false,
  attach: (id) => id,
  detach: (id) => ({ id }),
};

/** The context a hook of ours works with: the attempt's, or a bare one where somebody else runs our hooks. */
export function contextOf(context: TransformerContext | undefined): HookContext {
  if (context instanceof HookContext) return context;
  const now = (): number => Date.now();
  const newId = (prefix: string): string => prefix + crypto.randomUUID().replaceAll('-', '');
  const ledger = new Ledger();
  const client = new ClientSide({
    model: 'model',
    body: {},
    bytes: 0,
    ledger,
    envelope: noEnvelope,
    newId,
    now,
  });
  const provider: ProviderContext = { provider: '', model: '', ledger, newId, now };
  return new HookContext(context?.req.id ?? '', client, provider, true);
}
