import type { QuirkHooks } from './quirk.ts';

/** Hooks that concern a provider's chat endpoint only: under another format they change nothing. */
export function chatOnly(hooks: Pick<QuirkHooks, 'request' | 'body'>): QuirkHooks {
  const { request: changeRequest, body: changeBody } = hooks;
  const own: QuirkHooks = {};
  if (changeRequest) {
    own.request = (request, context) =>
      context.format === 'chat' ? changeRequest(request, context) : request;
  }
  if (changeBody) {
    own.body = (body, request, context) =>
      context.format === 'chat' ? changeBody(body, request, context) : body;
  }
  return own;
}
