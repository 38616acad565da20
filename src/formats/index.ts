/** The wire formats: one line each. */
import type { FormatName } from '../unified.ts';
import { chat } from './chat/chat.ts';
import type { Format } from './format.ts';
import { gemini } from './gemini/gemini.ts';
import { messages } from './messages/messages.ts';
import { responses } from './responses/responses.ts';

export const FORMATS: Readonly<Record<FormatName, Format>> = { chat, messages, responses, gemini };
