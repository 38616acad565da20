/**
 * The text that an envelope carries for a block that is nothing but a token (Anthropic's
 * `redacted_thinking`), so that it comes back as such a block and not as thinking without text.
 */
export const REDACTED = '\u0000redacted';
