/**
 * Fields that a quirk writes in the provider's own spelling while the format has another place for
 * them, or none: they wait in a hook field, which every format hands to the body untouched, and are
 * taken up there.
 */
import { type JsonObject, object } from '../json.ts';
import type { UnifiedChatRequest } from '../unified.ts';

/** A colon keeps the name apart from every field that a wire knows. */
const slot = (quirk: string): string => `quirk:${quirk}`;

/** The request with `fields` waiting for the quirk's body hook; none of them reach the format. */
export function setAside(
  request: UnifiedChatRequest,
  quirk: string,
  fields: JsonObject,
): UnifiedChatRequest {
  return Object.keys(fields).length === 0 ? request : { ...request, [slot(quirk)]: fields };
}

/** What waited for the quirk, and the body without the slot. */
export function takeUp(body: JsonObject, quirk: string): { fields: JsonObject; body: JsonObject } {
  const { [slot(quirk)]: waiting, ...rest } = body;
  return { fields: object(waiting) ?? {}, body: rest };
}
